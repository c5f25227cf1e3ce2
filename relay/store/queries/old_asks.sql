DELETE FROM asks WHERE number IN (SELECT number FROM asks WHERE at < ? AND result <> '' ORDER BY at LIMIT ?)
