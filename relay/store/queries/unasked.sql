-- A page of held copies of a brand after a number, that nobody was asked about, and whose person was not asked since a moment.
SELECT c.number, c.address, c.stream FROM copies AS c
WHERE c.brand = ?1 AND c.state = 'held' AND (c.asked_at IS NULL OR c.asked_at < c.at) AND c.number > ?2
  AND NOT EXISTS (SELECT 1 FROM asks AS a WHERE a.wide = c.wide AND a.brand = c.brand AND a.at >= ?3)
ORDER BY c.number LIMIT ?4
