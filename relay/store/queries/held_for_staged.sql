-- Held copies of addresses that say yes by an act of their own in the staged rows of a list.
SELECT c.number FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
CROSS JOIN copies AS c ON c.wide = t.wide
WHERE h.kind IN ('grant', 'confirm', 'renew')
  AND (h.yes_basis IS NULL OR h.yes_basis IN ('double-opt-in', 'single-opt-in', 'written'))
  AND c.address = t.address AND c.stream = h.stream AND c.state = 'held' AND c.lease IS NULL
ORDER BY c.number
