-- The staged rows behind the last line of the ledger. Imports are neither live nor the person's own act.
INSERT INTO ledger (
  id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, mail_sent_at,
  last_contact_at, form_url, wording, language, ip, user_agent, live, own_act, salt
)
SELECT t.id, h.kind, t.address, t.wide, h.brand, h.stream, t.at, h.recorded_at, h.source, h.recorder, h.basis, h.act,
  t.confirmed_at, t.mail_sent_at, t.last_contact_at, h.form_url,
  iif(h.wording = '', NULL, (SELECT number FROM wordings WHERE hash = h.wording)),
  h.language, t.ip, t.user_agent, 0, 0, t.salt
FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
ORDER BY t.rowid
