SELECT sequence, id, recorded_at FROM ledger ORDER BY sequence DESC LIMIT 1
