-- The newest mails of a brand that asked and have come to an end, at most ?3: refused or given up, or the mailbox was found
-- dead since; a complaint about the brand since, by any spelling.
SELECT count(*),
  coalesce(sum(a.result = 'failed' OR EXISTS (
    SELECT 1 FROM noes AS n WHERE n.wide = a.wide AND n.kind = 'undeliverable' AND n.address IN ('', a.address) AND n.at >= a.at
  )), 0),
  coalesce(sum(EXISTS (
    SELECT 1 FROM noes AS n WHERE n.wide = a.wide AND n.kind = 'complain' AND n.brand IN ('', a.brand) AND n.at >= a.at
  )), 0)
FROM (
  SELECT wide, address, brand, at, result FROM asks
  WHERE brand = ?1 AND number > ?2 AND result IN ('delivered', 'failed')
  ORDER BY number DESC LIMIT ?3
) AS a
