DELETE FROM asks WHERE wide IN (SELECT value FROM json_each(?))
