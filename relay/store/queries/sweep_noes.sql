-- ?1 JSON array of wide keys and tombstones, ?2 brand, ?3 stream: the noes that may cover them there.
SELECT kind, wide, address, brand, stream, at FROM noes
WHERE wide IN (SELECT value FROM json_each(?1)) AND brand IN ('', ?2) AND stream IN ('', ?3)
