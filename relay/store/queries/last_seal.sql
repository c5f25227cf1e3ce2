SELECT number, first, last, at, marks, hash FROM seals ORDER BY number DESC LIMIT 1
