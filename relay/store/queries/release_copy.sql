UPDATE copies SET state = 'queued', reason = iif(?, 'confirmed', reason), since = ?, due_at = ? WHERE number = ? AND state = 'held' AND lease IS NULL
