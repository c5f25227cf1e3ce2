INSERT INTO seals (number, first, last, at, marks, hash) VALUES (?, ?, ?, ?, ?, ?)
