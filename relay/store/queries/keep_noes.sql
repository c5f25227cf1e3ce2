-- The noes of a person (?1 wide key) under a tombstone (?2). That a mailbox is dead is no no of a person.
INSERT INTO noes (wide, kind, brand, stream, address, at)
SELECT ?2, kind, brand, stream, '', at FROM noes WHERE wide = ?1 AND kind IN ('withdraw', 'complain')
ON CONFLICT DO UPDATE SET at = max(at, excluded.at)
