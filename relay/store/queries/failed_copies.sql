-- Failed copies of at most :most messages whose sender can be told: nothing of the message waits for the next hop any more,
-- or one is due. All that failed of a message.
SELECT number, message FROM copies
WHERE state = 'failed' AND lease IS NULL AND message IN (
  SELECT DISTINCT c.message FROM copies AS c
  WHERE c.state = 'failed' AND c.lease IS NULL
    AND NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'failed' AND lease IS NOT NULL)
    AND (
      c.due_at <= :now OR NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'queued')
    )
  LIMIT :most
)
ORDER BY message, number
