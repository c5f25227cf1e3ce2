UPDATE copies SET state = 'queued', reason = 'confirmed', since = ?, due_at = ? WHERE number = ? AND state = 'held' AND lease IS NULL
