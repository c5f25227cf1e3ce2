-- The whole ledger as it is hashed, in order, after a sequence number.
SELECT sequence, id, kind, brand, stream, at, recorded_at, recorder, basis, act, confirmed_at, last_contact_at,
  language, live, own_act, address, source, form_url, wording, ip, user_agent, salts, erased, hash
FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?
