SELECT address FROM failures WHERE address > ?1 AND at < ?2 ORDER BY address LIMIT ?3
