SELECT number, at, fate, reason, stream
FROM reports
WHERE told_at IS NULL AND client = ? AND at < ?
ORDER BY at, number
LIMIT ?
