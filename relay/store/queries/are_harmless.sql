-- Nothing is wrong with this message, as far as its copies go that a process works on; others may be of another kind.
UPDATE messages SET starts = 0
WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM copies WHERE message = ?1 AND state = 'queued' AND lease IS NOT ?2)
