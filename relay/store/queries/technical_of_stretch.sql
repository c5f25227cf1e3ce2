-- Lines of a stretch that name an IP address or a browser, as they are hashed.
SELECT l.sequence, l.id, l.kind, l.brand, l.stream, l.at, l.recorded_at, l.recorder, l.basis, l.act, l.confirmed_at,
  l.mail_sent_at, l.last_contact_at, l.language, l.live, l.own_act, l.address, l.source, l.form_url, w.hash, l.ip,
  l.user_agent, l.salt, l.erased
FROM ledger AS l LEFT JOIN wordings AS w ON w.number = l.wording
WHERE l.sequence > ?1 AND l.sequence <= ?2 AND (l.ip <> '' OR l.user_agent <> '')
ORDER BY l.sequence
