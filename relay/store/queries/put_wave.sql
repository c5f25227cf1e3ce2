INSERT OR REPLACE INTO waves (brand, wave, size, since, stopped_at, why) VALUES (?, ?, ?, ?, ?, ?)
