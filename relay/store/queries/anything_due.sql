SELECT
  EXISTS (SELECT 1 FROM copies WHERE state = 'queued' AND lease IS NULL AND due_at <= :now)
  OR EXISTS (SELECT 1 FROM copies WHERE state = 'held' AND lease IS NULL AND due_at <= :now)
  OR EXISTS (
    SELECT 1 FROM copies AS c
    WHERE c.state = 'failed' AND c.lease IS NULL AND (
      c.due_at <= :now OR NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'queued')
    )
  )
