-- When the oldest line of a stretch of the ledger was recorded, and the last line of it; NULL where there is none.
SELECT min(recorded_at), max(sequence) FROM ledger WHERE sequence > ?1 AND sequence <= ?2
