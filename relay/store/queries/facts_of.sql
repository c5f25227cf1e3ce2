-- What is kept of addresses in streams: JSON array of [stream, address].
SELECT f.stream, f.address, f.requested_at, f.basis, f.act, f.yes_at, f.source, f.live, f.form_url, f.language,
  f.renewed_at, f.freed_at, f.last_contact_at, f.mail_sent_at, f.request_live, f.asked_at, f.asked
FROM json_each(?) AS a
JOIN facts AS f ON f.stream = a.value ->> 0 AND f.address = a.value ->> 1
