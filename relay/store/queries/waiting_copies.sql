-- Copies as queue_rows reads them, then their messages, then the lease.
SELECT c.number, c.message, c.decision, c.address, c.notify, c.orcpt, c.state, c.reason, c.stream, c.octets, c.at, c.since,
  c.due_at, c.asked_at, c.warned_at, c.attempts, c.code, c.enhanced, c.reply, c.next_hop,
  m.number, m.id, m.at, m.client, m.stream, m.brand, m.sender, m.envelope, m.octets, m.origin, m.about, m.starts, m.tellings,
  c.lease
FROM copies AS c JOIN messages AS m ON m.number = c.message
