UPDATE messages SET starts = 0 WHERE number = ?
