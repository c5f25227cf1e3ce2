-- What withdrawals.journal has to hold after a line of the ledger (0 for all). Of the erased see journal_tombstones.
SELECT sequence, id, kind, address, brand, stream, at, recorded_at, source, recorder
FROM ledger
WHERE kind IN ('withdraw', 'complain') AND address IS NOT NULL AND sequence > ?
ORDER BY sequence
