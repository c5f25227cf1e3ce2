INSERT INTO contents (message, content) VALUES (?, ?)
