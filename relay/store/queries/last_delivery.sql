-- When mail for an address (?1) was last taken: of any stream while decisions are kept, as contact of the streams in ?2
-- (JSON array) for ever.
SELECT max(at) FROM (
  SELECT o.at FROM decisions AS d JOIN outcomes AS o ON o.decision = d.id
  WHERE d.recipient = ?1 AND o.result = 'delivered'
  UNION ALL
  SELECT at FROM contacts WHERE address = ?1 AND stream IN (SELECT value FROM json_each(?2))
)
