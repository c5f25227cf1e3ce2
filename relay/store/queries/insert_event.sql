INSERT INTO ledger (
  sequence, id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
  mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, live, own_act, salt
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
