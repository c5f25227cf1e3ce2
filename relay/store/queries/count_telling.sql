UPDATE messages SET tellings = tellings + 1 WHERE number = ?
