-- Nobody can read this copy, or its message: an operator has to.
UPDATE copies SET state = 'aside', reason = 'internal-error', since = ?, due_at = NULL, lease = NULL WHERE number = ?
