INSERT INTO copies (
  message, decision, address, wide, domain, brand, stream, octets, notify, orcpt, state, reason, at, since, due_at,
  attempts, code, enhanced, reply, next_hop, asked_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
