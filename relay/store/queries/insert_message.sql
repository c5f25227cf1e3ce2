INSERT INTO messages (id, at, client, stream, brand, sender, envelope, octets, origin, about)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
