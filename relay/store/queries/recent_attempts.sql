-- The newest ?6 attempts of a next hop (?1) for others than ?3, from ?4 to ?5, among the newest ?2 outcomes: to whom, when,
-- and whether it failed. Backwards through the outcomes, so that nothing is sorted while the write lock is held.
SELECT d.recipient, o.at, o.result <> 'delivered'
FROM outcomes AS o CROSS JOIN decisions AS d ON d.id = o.decision
WHERE o.sequence > (SELECT max(sequence) FROM outcomes) - ?2 AND o.next_hop = ?1 AND o.result <> 'withheld'
  AND o.at BETWEEN ?4 AND ?5 AND d.recipient <> ?3
ORDER BY o.sequence DESC LIMIT ?6
