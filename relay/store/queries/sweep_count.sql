SELECT count(*) FROM facts WHERE stream = ?
