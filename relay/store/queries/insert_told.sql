-- A row of a list behind the last line of the ledger. Imports are neither live nor the person's own act.
INSERT INTO ledger (
  wide, id, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, mail_sent_at,
  last_contact_at, form_url, wording, language, ip, user_agent, live, own_act, salt
) VALUES (
  ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT number FROM wordings WHERE hash = ?), ?, ?, ?, 0, 0, ?
)
