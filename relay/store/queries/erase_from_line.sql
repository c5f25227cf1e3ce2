-- Personal fields of one line, after some were taken out; the address takes the wide key with it, the hash its wording.
UPDATE ledger SET
  address = ?2, wide = CASE WHEN ?2 IS NULL THEN NULL ELSE wide END, source = ?3, form_url = ?4,
  wording = CASE WHEN ?5 IS NULL THEN NULL ELSE wording END, ip = ?6, user_agent = ?7, salt = ?8, erased = ?9
WHERE sequence = ?1
