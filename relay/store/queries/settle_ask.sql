UPDATE asks SET result = ?, settled_at = ? WHERE number = ? AND result = ''
