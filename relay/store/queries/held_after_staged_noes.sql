-- Held copies of people who say no in the staged rows of a list.
UPDATE copies SET no_at = ? WHERE number IN (
  SELECT c.number FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
  CROSS JOIN copies AS c ON c.wide = t.wide
  WHERE h.kind IN ('withdraw', 'complain') AND c.state = 'held'
)
