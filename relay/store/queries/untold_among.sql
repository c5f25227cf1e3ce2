-- How many of these report lines (JSON array of numbers) no mail tells of yet.
SELECT count(*) FROM reports WHERE told_at IS NULL AND number IN (SELECT value FROM json_each(?))
