UPDATE messages SET starts = starts + 1 WHERE number = ?
