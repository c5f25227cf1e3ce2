INSERT INTO reports (at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
