-- ?1 line of the ledger, ?2 decision: up to these an operator has said that the clock is right. Looks at the last lines
-- only; they stand in the order of commits, so that a wrong clock shows in the last ones written with it.
SELECT max(at) FROM (
  SELECT max(recorded_at) AS at FROM (
    SELECT recorded_at FROM ledger WHERE sequence > ?1 ORDER BY sequence DESC LIMIT 1000
  )
  UNION ALL
  SELECT max(at) FROM (SELECT at FROM decisions WHERE sequence > ?2 ORDER BY sequence DESC LIMIT 1000)
)
