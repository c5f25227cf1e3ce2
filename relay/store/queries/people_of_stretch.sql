SELECT DISTINCT wide FROM ledger WHERE sequence > ?1 AND sequence <= ?2 AND wide IS NOT NULL AND recorded_at < ?3
