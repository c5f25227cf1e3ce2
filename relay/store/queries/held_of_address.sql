-- Held copies of this address in this stream ('' for any) that nobody works on, the oldest first.
SELECT number FROM copies
WHERE wide = :wide AND address = :address AND (stream = :stream OR :stream = '') AND state = 'held' AND lease IS NULL
ORDER BY number
