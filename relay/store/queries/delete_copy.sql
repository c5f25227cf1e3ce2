DELETE FROM copies WHERE number = ?
