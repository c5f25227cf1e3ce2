-- Held copies that are to be given up.
SELECT number, message FROM copies
WHERE state = 'held' AND lease IS NULL AND due_at <= :now
ORDER BY due_at, number
LIMIT :most
