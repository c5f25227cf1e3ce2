SELECT state, count(*), min(at), min(since), min(CASE WHEN lease IS NULL THEN due_at END),
  sum(lease IS NULL AND due_at < ?), sum(lease IS NOT NULL), sum(attempts > 0)
FROM copies
GROUP BY state
