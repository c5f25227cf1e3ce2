SELECT
  (SELECT count(*) FROM ledger),
  (SELECT count(*) FROM facts),
  (SELECT count(*) FROM (SELECT DISTINCT wide FROM noes WHERE kind IN ('withdraw', 'complain'))),
  (SELECT count(*) FROM decisions),
  (SELECT count(*) FROM outcomes)
