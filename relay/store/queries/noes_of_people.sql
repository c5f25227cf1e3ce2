-- What was kept of a no when its person was erased: JSON array of tombstones.
SELECT kind, wide, address, brand, stream, at FROM noes WHERE wide IN (SELECT value FROM json_each(?))
