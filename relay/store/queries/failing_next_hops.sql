-- How many of its newest attempts since ?2 each next hop could not take, up to the last one that it settled; 0 for none.
-- Among the newest ?1 outcomes.
SELECT next_hop, sum(sequence > settled)
FROM (
  SELECT next_hop, sequence,
    max(CASE WHEN result IN ('delivered', 'refused') THEN sequence ELSE 0 END) OVER (PARTITION BY next_hop) AS settled
  FROM outcomes
  WHERE sequence > (SELECT max(sequence) FROM outcomes) - ?1 AND at >= ?2 AND result <> 'withheld'
)
GROUP BY next_hop
