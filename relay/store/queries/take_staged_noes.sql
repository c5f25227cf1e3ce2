-- What a lone withdrawal or complaint comes to; scopes as fold.No has them.
INSERT OR REPLACE INTO noes (wide, kind, brand, stream, address, at)
SELECT t.wide, h.kind,
  iif(h.kind = 'withdraw' AND h.stream <> '', '', h.brand),
  iif(h.kind = 'complain' AND h.brand <> '', '', h.stream),
  '',
  coalesce(t.at, h.recorded_at)
FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
WHERE h.lone AND h.kind IN ('withdraw', 'complain')
ORDER BY t.rowid
