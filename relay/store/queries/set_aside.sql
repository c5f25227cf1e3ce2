-- Whoever began with this message did not come to an end, again and again: the queued copies wait for an operator.
UPDATE copies SET state = 'aside', reason = 'internal-error', since = ?, due_at = NULL
WHERE message = ? AND state = 'queued' AND lease IS NULL
