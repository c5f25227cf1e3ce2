-- A no to everything, said at ?2, under a tombstone (?1).
INSERT INTO noes (wide, kind, brand, stream, address, at) VALUES (?1, 'withdraw', '', '', '', ?2)
ON CONFLICT DO UPDATE SET at = max(at, excluded.at)
