-- All that the ledger knows of these people (JSON array of wide keys), in order, as relay/store/quick_fold.py folds it.
SELECT l.wide, l.id, l.kind, l.address, l.brand, l.stream, l.at, l.recorded_at, l.source, l.basis, l.act, l.confirmed_at,
  l.mail_sent_at, l.last_contact_at, l.form_url, iif(l.wording IS NULL, '', (SELECT hash FROM wordings WHERE number = l.wording)),
  l.language, l.live, l.own_act, l.recorder
FROM json_each(?) AS p CROSS JOIN ledger AS l ON l.wide = p.value
ORDER BY p.key, l.sequence
