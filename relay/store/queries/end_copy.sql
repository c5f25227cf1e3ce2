-- A copy is over, if it is still leased to this process.
DELETE FROM copies WHERE number = ? AND lease = ? RETURNING message, state
