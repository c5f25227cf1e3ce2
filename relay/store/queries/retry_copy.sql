-- Due now. One that was set aside is queued again.
UPDATE copies SET
  since = CASE WHEN state = 'queued' THEN since ELSE :now END,
  state = 'queued',
  due_at = :now
WHERE number = :copy AND lease IS NULL
