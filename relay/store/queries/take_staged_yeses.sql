-- What a lone grant comes to.
INSERT OR REPLACE INTO facts (
  stream, address, basis, act, yes_at, source, live, form_url, language, last_contact_at
)
SELECT h.stream, t.address, h.yes_basis, h.yes_act, t.yes_at, h.source, 0, h.form_url, h.language, t.last_contact_at
FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
WHERE h.lone AND h.kind = 'grant'
ORDER BY t.rowid
