-- The newest question to the person of this held copy that has no answer, the same or under way: when it was put, how long
-- its answer is waited for; and of the copy: when it was asked about, came, became held.
SELECT a.at, a.answer_by - a.at, c.asked_at, c.at, c.since
FROM copies AS c JOIN asks AS a ON a.wide = c.wide AND a.brand = c.brand
WHERE c.number = ? AND a.address = c.address AND a.stream = c.stream AND a.result IN ('', 'delivered')
  AND NOT EXISTS (
    SELECT 1 FROM facts AS f
    WHERE f.stream = c.stream AND f.address = c.address AND max(f.yes_at, coalesce(f.renewed_at, 0)) > a.at
  )
ORDER BY a.at DESC LIMIT 1
