UPDATE copies SET asked_at = ?, due_at = coalesce(?, due_at) WHERE number = ?
