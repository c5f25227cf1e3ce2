-- The line of a withdrawal or complaint; the newest are looked at first.
SELECT sequence FROM ledger WHERE kind IN ('withdraw', 'complain') AND id = ? ORDER BY sequence DESC LIMIT 1
