INSERT INTO outcomes (decision, at, result, code, enhanced, reply, next_hop, seconds, contact, footer)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
