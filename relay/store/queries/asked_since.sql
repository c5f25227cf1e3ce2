SELECT 1 FROM asks WHERE wide = ? AND brand = ? AND at >= ? LIMIT 1
