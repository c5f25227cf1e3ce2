-- Seals from one number to another, in order.
SELECT number, first, last, at, marks, hash FROM seals WHERE number BETWEEN ? AND ? ORDER BY number
