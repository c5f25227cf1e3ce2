SELECT number, at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply, told_at, told_in, '', 0
FROM reports
WHERE number IN (SELECT value FROM json_each(?))
ORDER BY at, number
