UPDATE copies SET
  state = 'aside', reason = 'outcome-unknown', since = ?, due_at = NULL, lease = NULL, code = ?, enhanced = ?, reply = ?
WHERE state <> 'aside'
