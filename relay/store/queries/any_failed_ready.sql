-- Can any sender be told? As failed_copies.
SELECT EXISTS (
  SELECT 1 FROM copies AS c
  WHERE c.state = :state AND c.lease IS NULL AND (
    c.due_at <= :now OR NOT EXISTS (SELECT 1 FROM copies WHERE message = c.message AND state = 'queued')
  )
)
