-- The process (by its lease) is no more. What it had begun stays counted.
UPDATE copies SET lease = NULL WHERE lease = ?
