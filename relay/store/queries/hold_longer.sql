UPDATE copies SET due_at = max(due_at, ?) WHERE number = ?
