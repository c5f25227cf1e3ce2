-- Every mail that asked a person (wide key) for a new yes, the oldest first.
SELECT stream, address, at, result, settled_at FROM asks WHERE wide = ? ORDER BY number
