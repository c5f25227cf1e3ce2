-- Messages by number (JSON array), as queue_rows reads them.
SELECT number, id, at, client, stream, brand, sender, envelope, octets, origin, about, starts, tellings
FROM messages WHERE number IN (SELECT value FROM json_each(?))
