-- Queued copies that are due, the oldest first. domains: JSON arrays; NULL for `only`: all.
SELECT number, message FROM copies
WHERE state = 'queued' AND lease IS NULL AND due_at <= :now
  AND (:only IS NULL OR domain IN (SELECT value FROM json_each(:only)))
  AND domain NOT IN (SELECT value FROM json_each(:skip))
ORDER BY due_at, number
LIMIT :most
