-- How often each of these messages (JSON array) was begun before, and whether somebody works on it now.
SELECT m.number, m.starts, EXISTS (SELECT 1 FROM copies WHERE message = m.number AND state = 'queued' AND lease IS NOT NULL)
FROM messages AS m WHERE m.number IN (SELECT value FROM json_each(?))
