-- Lines of the ledger as they are hashed, with the wide key behind. A wording that is not there is a number, and no text.
SELECT l.sequence, l.id, l.kind, l.brand, l.stream, l.at, l.recorded_at, l.recorder, l.basis, l.act, l.confirmed_at,
  l.mail_sent_at, l.last_contact_at, l.language, l.live, l.own_act, l.address, l.source, l.form_url,
  CASE WHEN l.wording IS NOT NULL THEN coalesce(w.hash, l.wording) END, l.ip, l.user_agent, l.salt, l.erased, l.wide
FROM ledger AS l LEFT JOIN wordings AS w ON w.number = l.wording
WHERE l.sequence BETWEEN ? AND ? ORDER BY l.sequence
