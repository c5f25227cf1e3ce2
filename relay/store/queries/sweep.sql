-- A page of a stream's facts after an address, each with the watermark of its last mail.
SELECT f.address,
  f.requested_at, f.basis, f.act, f.yes_at, f.source, f.live, f.form_url, f.language, f.renewed_at, f.freed_at,
  f.last_contact_at, f.mail_sent_at, f.request_live, f.asked_at, f.asked,
  c.at
FROM facts AS f LEFT JOIN contacts AS c ON c.stream = f.stream AND c.address = f.address
WHERE f.stream = ?1 AND f.address > ?2
ORDER BY f.address LIMIT ?3
