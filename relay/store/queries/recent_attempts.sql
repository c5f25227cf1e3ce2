-- The newest attempts of a next hop (?1) among the newest ?2 outcomes: to whom, when, and whether it failed.
SELECT d.recipient, o.at, o.result <> 'delivered'
FROM (
  SELECT sequence, decision, at, result, next_hop FROM outcomes ORDER BY sequence DESC LIMIT ?2
) AS o
JOIN decisions AS d ON d.id = o.decision
WHERE o.next_hop = ?1 AND o.result <> 'withheld'
ORDER BY o.sequence DESC
