-- Is there, behind a line of the ledger, a yes that this held copy waits for?
SELECT 1 FROM copies AS c JOIN ledger AS l ON l.wide = c.wide
WHERE l.sequence > ? AND c.number = ? AND l.address = c.address
  AND (l.kind = 'deliverable' OR l.kind IN ('grant', 'confirm', 'renew') AND l.stream = c.stream)
LIMIT 1
