-- An operator gives it up; its sender is told at once.
UPDATE copies SET state = 'failed', since = :now, due_at = :now WHERE number = :copy
