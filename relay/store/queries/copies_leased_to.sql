SELECT number FROM copies WHERE lease = ?
