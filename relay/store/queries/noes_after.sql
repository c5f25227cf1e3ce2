-- What withdrawals.journal has to hold after the line with this id ('' for all): the same columns as events_of_people.
SELECT id, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, last_contact_at,
  form_url, wording, language, ip, user_agent, live, own_act
FROM ledger
WHERE kind IN ('withdraw', 'complain') AND address IS NOT NULL
  AND sequence > coalesce((SELECT sequence FROM ledger WHERE id = ?), 0)
ORDER BY sequence
