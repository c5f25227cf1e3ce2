-- What a lone grant of a list comes to (values as in insert_imported).
INSERT OR REPLACE INTO facts (stream, address, basis, act, yes_at, source, live, form_url, language, last_contact_at)
VALUES (?27, ?4, ?23, ?24, ?25, ?9, 0, ?16, ?18, ?15)
