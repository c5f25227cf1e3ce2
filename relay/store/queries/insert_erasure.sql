INSERT INTO ledger (
  sequence, id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, form_url, language, ip,
  user_agent, live, own_act, salt, erased
) VALUES (?, ?, 'erase', NULL, NULL, '', '', ?, ?, ?, ?, '', '', '', '', 1, 0, ?, ?)
