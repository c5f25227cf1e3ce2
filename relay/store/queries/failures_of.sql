SELECT address, at, code FROM failures WHERE address IN (SELECT value FROM json_each(?)) ORDER BY address
