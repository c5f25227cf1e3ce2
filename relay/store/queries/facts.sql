-- ?1 stream, ?2 brand, ?3 JSON array of [address, wide, tombstone]: at least one row per address, the first with what was
-- folded and one no, further ones with further noes; the address's place comes first. The tombstone finds the noes of a
-- person who was erased; apart, because IN (wide, tombstone) costs a quarter more.
SELECT a.key,
  f.requested_at, f.basis, f.act, f.yes_at, f.source, f.live, f.form_url, f.language, f.renewed_at, f.freed_at,
  f.last_contact_at, f.mail_sent_at, f.request_live, f.asked_at, f.asked,
  c.at,
  n.kind, n.wide, n.address, n.brand, n.stream, n.at
FROM json_each(?3) AS a
LEFT JOIN facts AS f ON f.stream = ?1 AND f.address = a.value ->> 0
LEFT JOIN contacts AS c ON c.stream = ?1 AND c.address = a.value ->> 0
LEFT JOIN noes AS n ON n.wide = a.value ->> 1
  AND n.brand IN ('', ?2) AND n.stream IN ('', ?1) AND n.address IN ('', a.value ->> 0)
UNION ALL
SELECT a.key, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  n.kind, n.wide, n.address, n.brand, n.stream, n.at
FROM json_each(?3) AS a
CROSS JOIN noes AS n ON n.wide = a.value ->> 2 AND n.brand IN ('', ?2) AND n.stream IN ('', ?1)
