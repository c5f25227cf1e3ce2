INSERT INTO asks (brand, wide, address, stream, message, source, at, wave, answer_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
