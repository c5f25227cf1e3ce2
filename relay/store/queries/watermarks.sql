-- Watermarks of deliveries and the newest delivery that outcomes still tell of, in pages after a stream and address.
SELECT c.stream, c.address, c.at, (
  SELECT max(o.at) FROM decisions AS d JOIN outcomes AS o ON o.decision = d.id
  WHERE d.recipient = c.address AND d.stream = c.stream AND o.contact
)
FROM contacts AS c WHERE (c.stream, c.address) > (?1, ?2)
ORDER BY c.stream, c.address LIMIT ?3
