-- Failed copies whose sender can be told: nothing of the message waits for the next hop any more, or one is due.
SELECT c.number, c.message FROM copies AS c
WHERE c.state = 'failed' AND c.lease IS NULL
  AND NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'failed' AND lease IS NOT NULL)
  AND (
    NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'queued')
    OR EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'failed' AND due_at <= :now)
  )
ORDER BY c.message, c.number
