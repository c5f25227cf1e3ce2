-- Which of these messages (JSON array) killed whoever told their senders, as far as anybody knows.
SELECT number FROM messages WHERE tellings > 0 AND number IN (SELECT value FROM json_each(?))
