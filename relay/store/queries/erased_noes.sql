-- The newest no of each kind and scope (as the fold makes it) in lines whose person was erased.
SELECT kind,
  CASE WHEN kind = 'withdraw' AND stream <> '' THEN '' ELSE brand END AS of_brand,
  CASE WHEN kind = 'complain' AND brand <> '' THEN '' ELSE stream END AS of_stream,
  max(coalesce(at, recorded_at))
FROM ledger WHERE kind IN ('withdraw', 'complain') AND address IS NULL
GROUP BY kind, of_brand, of_stream
