DELETE FROM asks WHERE wide = ?
