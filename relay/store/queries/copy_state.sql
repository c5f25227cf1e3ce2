SELECT message, state, lease FROM copies WHERE number = ?
