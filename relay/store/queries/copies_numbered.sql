-- Copies by number (JSON array), as queue_rows reads them.
SELECT c.number, c.message, c.decision, c.address, c.notify, c.orcpt, c.state, c.reason, c.stream, c.octets, c.at, c.since,
  c.due_at, c.asked_at, c.warned_at, c.attempts, c.code, c.enhanced, c.reply, c.next_hop
FROM copies AS c WHERE c.number IN (SELECT value FROM json_each(?))
ORDER BY c.message, c.number
