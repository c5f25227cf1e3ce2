INSERT INTO decisions (
  id, at, message, client, stream, brand, sender, recipient, verdict, reason, reasons, status, facts, policy,
  code, enhanced, reply, enforced
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
