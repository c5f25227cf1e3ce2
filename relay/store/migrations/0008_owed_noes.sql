-- Noes that stand in no line of the ledger (a list says them of somebody who was erased) and are not in
-- withdrawals.journal yet. wide: a tombstone. Written with the no, taken out once the journal has it.
CREATE TABLE owed_noes (
  number INTEGER PRIMARY KEY,
  wide TEXT NOT NULL,
  kind TEXT NOT NULL,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
