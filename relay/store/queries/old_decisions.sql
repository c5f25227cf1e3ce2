-- Before a moment, the oldest first. The newest decision and the newest outcome stay, so that numbers are never given twice,
-- and so does that on a copy which still waits: it says why, and an attempt may rest on it.
SELECT sequence, id FROM decisions
WHERE at < ?1 AND sequence < (SELECT max(sequence) FROM decisions)
  AND id <> coalesce((SELECT decision FROM outcomes ORDER BY sequence DESC LIMIT 1), '')
  AND NOT EXISTS (SELECT 1 FROM copies WHERE copies.decision = decisions.id)
ORDER BY at LIMIT ?2
