-- The notifications that tell of a message, the oldest first.
SELECT d.message, d.id, d.at, d.recipient
FROM notices AS n JOIN decisions AS d ON d.id = n.decision
WHERE n.about = ? ORDER BY d.sequence
