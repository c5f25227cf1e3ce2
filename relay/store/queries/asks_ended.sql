-- Mails that asked and wait no more, each with what its last attempt came to (NULL without one, or where an operator took
-- it out: that is no bounce).
SELECT a.number, a.brand, a.address, a.stream, a.source, a.at,
  iif(EXISTS (
    SELECT 1 FROM reports AS r WHERE r.recipient = a.address AND r.message = a.message AND r.fate = 'dropped'
  ), NULL, o.result), o.at
FROM asks AS a LEFT JOIN outcomes AS o ON o.sequence = (
  SELECT max(p.sequence) FROM decisions AS d JOIN outcomes AS p ON p.decision = d.id WHERE d.message = a.message
)
WHERE a.result = '' AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.id = a.message)
ORDER BY a.number LIMIT ?
