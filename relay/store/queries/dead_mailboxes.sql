-- Addresses said to be undeliverable, and where, in pages after a person, brand, stream and address.
SELECT wide, brand, stream, address, at FROM noes
WHERE kind = 'undeliverable' AND wide >= ?1 AND (wide, brand, stream, address) > (?1, ?2, ?3, ?4)
ORDER BY wide, brand, stream, address LIMIT ?5
