-- Held copies of this address in this stream that nobody works on, the oldest first.
SELECT number FROM copies
WHERE wide = ? AND address = ? AND stream = ? AND state = 'held' AND lease IS NULL
ORDER BY number
