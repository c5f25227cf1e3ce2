-- The line of the report for a copy that an operator takes out.
INSERT INTO reports (at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply)
SELECT :now, m.client, c.brand, c.stream, m.id, c.decision, m.sender, c.address, 'dropped', c.reason,
  CASE WHEN c.code = 0 THEN '' ELSE c.code || ' ' || c.enhanced || ' ' || c.reply END
FROM copies AS c JOIN messages AS m ON m.number = c.message
WHERE c.number = :copy
