-- Of one stream, before a moment, in pages after an address.
SELECT address FROM contacts WHERE stream = ?1 AND address > ?2 AND at < ?3 ORDER BY address LIMIT ?4
