SELECT coalesce(max(number), 0) FROM asks WHERE brand = ?
