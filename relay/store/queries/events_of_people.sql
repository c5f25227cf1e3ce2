-- All that the ledger knows of these people (JSON array of wide keys), in order.
SELECT id, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, last_contact_at,
  form_url, wording, language, ip, user_agent, live, own_act
FROM ledger
WHERE wide IN (SELECT value FROM json_each(?)) AND address IS NOT NULL
ORDER BY sequence
