-- Due now. One that was set aside is queued again, as if it had never been tried: whatever it was before, it is decided anew.
UPDATE copies SET
  since = CASE WHEN state = 'queued' THEN since ELSE :now END,
  attempts = CASE WHEN state = 'queued' THEN attempts ELSE 0 END,
  state = 'queued',
  due_at = :now
WHERE number = :copy
