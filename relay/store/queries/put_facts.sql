INSERT OR REPLACE INTO facts (
  stream, address, requested_at, basis, act, yes_at, source, live, form_url, language, renewed_at, freed_at,
  last_contact_at, mail_sent_at, request_live, asked_at, asked
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
