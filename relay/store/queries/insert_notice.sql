INSERT OR IGNORE INTO notices (decision, about) VALUES (?, ?)
