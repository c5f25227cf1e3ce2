-- A no that stands is never put back to an earlier time.
INSERT INTO noes (wide, kind, brand, stream, address, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET at = max(at, excluded.at)
