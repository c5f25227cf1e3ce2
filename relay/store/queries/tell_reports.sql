-- A mail with this id (second) tells of these report lines (JSON array of numbers); those told before stay told there.
UPDATE reports SET told_at = ?, told_in = ? WHERE told_at IS NULL AND number IN (SELECT value FROM json_each(?))
