-- Withdrawals and complaints after a line of the ledger (0 for all): the same columns as events_of_people.
SELECT l.sequence, l.wide, l.id, l.kind, l.address, l.brand, l.stream, l.at, l.recorded_at, l.source, l.recorder, l.basis,
  l.act, l.confirmed_at, l.mail_sent_at, l.last_contact_at, l.form_url, w.hash, l.language, l.ip, l.user_agent, l.live,
  l.own_act
FROM ledger AS l LEFT JOIN wordings AS w ON w.number = l.wording
WHERE l.kind IN ('withdraw', 'complain') AND l.address IS NOT NULL AND l.sequence > ?
ORDER BY l.sequence
