-- This held copy, if a no of its person stands behind a line of the ledger.
UPDATE copies SET no_at = :at WHERE number = :copy AND state = 'held' AND EXISTS (
  SELECT 1 FROM ledger AS l WHERE l.wide = copies.wide AND l.sequence > :seen AND l.kind IN ('withdraw', 'complain')
)
