SELECT 1 FROM asks WHERE at < ? AND result <> '' LIMIT 1
