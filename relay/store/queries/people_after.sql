-- The next people (wide keys) of whom the ledger holds something, in order.
SELECT DISTINCT wide FROM ledger WHERE wide IS NOT NULL AND wide > ? ORDER BY wide LIMIT ?
