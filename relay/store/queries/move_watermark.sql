INSERT INTO contacts (stream, address, at) VALUES (?, ?, ?)
ON CONFLICT (stream, address) DO UPDATE SET at = max(at, excluded.at)
