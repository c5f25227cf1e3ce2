-- Before a moment, the oldest first. The newest decision and the newest outcome stay, so that numbers are never given twice.
SELECT sequence, id FROM decisions
WHERE at < ?1 AND sequence < (SELECT max(sequence) FROM decisions)
  AND id <> coalesce((SELECT decision FROM outcomes ORDER BY sequence DESC LIMIT 1), '')
ORDER BY at LIMIT ?2
