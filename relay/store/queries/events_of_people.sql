-- All that the ledger knows of these people (JSON array of wide keys), in order.
SELECT l.sequence, l.wide, l.id, l.kind, l.address, l.brand, l.stream, l.at, l.recorded_at, l.source, l.recorder, l.basis,
  l.act, l.confirmed_at, l.mail_sent_at, l.last_contact_at, l.form_url, w.hash, l.language, l.ip, l.user_agent, l.live,
  l.own_act
FROM ledger AS l LEFT JOIN wordings AS w ON w.number = l.wording
WHERE l.wide IN (SELECT value FROM json_each(?))
ORDER BY l.sequence
