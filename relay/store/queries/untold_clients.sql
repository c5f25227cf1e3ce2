SELECT DISTINCT client FROM reports WHERE told_at IS NULL AND at < ? ORDER BY client
