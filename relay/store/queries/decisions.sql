SELECT sequence, id, at, message, client, stream, brand, sender, recipient, verdict, reasons, status, facts, policy,
  code, enhanced, reply, enforced
FROM decisions
