SELECT kind, wide, brand, stream, at FROM owed_noes ORDER BY number
