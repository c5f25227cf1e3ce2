DELETE FROM copies WHERE wide = ?
