UPDATE contents SET content = ? WHERE message = ?
