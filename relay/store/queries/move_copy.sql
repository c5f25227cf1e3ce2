-- A copy goes on, if it is still leased to this process. What is '' or NULL stays as it was; but what is held is told anew
-- when its person was asked.
UPDATE copies SET
  since = CASE WHEN state = :state THEN since ELSE :at END,
  state = :state,
  reason = :reason,
  due_at = :due_at,
  decision = CASE WHEN :decision = '' THEN decision ELSE :decision END,
  attempts = attempts + :counts,
  code = coalesce(:code, code),
  enhanced = coalesce(:enhanced, enhanced),
  reply = coalesce(:reply, reply),
  next_hop = CASE WHEN :next_hop = '' THEN next_hop ELSE :next_hop END,
  warned_at = CASE WHEN :warned THEN :at ELSE warned_at END,
  asked_at = CASE WHEN :state = 'held' THEN :asked_at ELSE asked_at END,
  no_at = NULL,
  lease = NULL
WHERE number = :copy AND lease = :lease
RETURNING message
