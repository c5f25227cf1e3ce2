INSERT OR REPLACE INTO failures (address, at, code) VALUES (?, ?, ?)
