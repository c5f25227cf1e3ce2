UPDATE copies SET lease = NULL WHERE lease = ? AND number IN (SELECT value FROM json_each(?))
RETURNING message, state
