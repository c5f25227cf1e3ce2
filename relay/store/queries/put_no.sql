INSERT OR REPLACE INTO noes (wide, kind, brand, stream, address, at) VALUES (?, ?, ?, ?, ?, ?)
