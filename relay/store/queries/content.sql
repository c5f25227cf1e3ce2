SELECT content FROM contents WHERE message = ?
