-- Times are microseconds since 1970 (UTC). Text that may be empty is '', never NULL; NULL is "unknown" or "erased".

-- Append-only. hash: over this line and the one before (relay/consent/ledger.py); salts and erased belong to it.
CREATE TABLE ledger (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  address TEXT,
  wide TEXT NOT NULL,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  at INTEGER,
  recorded_at INTEGER NOT NULL,
  source TEXT,
  recorder TEXT NOT NULL,
  basis TEXT,
  act TEXT,
  confirmed_at INTEGER,
  last_contact_at INTEGER,
  form_url TEXT,
  wording TEXT,
  language TEXT NOT NULL,
  ip TEXT,
  user_agent TEXT,
  live INTEGER NOT NULL,
  own_act INTEGER NOT NULL,
  salts BLOB NOT NULL,
  erased TEXT,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_of_person ON ledger (wide);
-- For the journal of withdrawals, and for few rows only.
CREATE INDEX ledger_noes ON ledger (sequence) WHERE kind IN ('withdraw', 'complain');

-- What the ledger comes to for one address in one stream, folded anew in the transaction that appends (fold.Folded).
CREATE TABLE facts (
  stream TEXT NOT NULL,
  address TEXT NOT NULL,
  requested_at INTEGER,
  basis TEXT,
  act TEXT,
  yes_at INTEGER,
  source TEXT,
  live INTEGER,
  form_url TEXT,
  language TEXT,
  renewed_at INTEGER,
  freed_at INTEGER,
  last_contact_at INTEGER,
  PRIMARY KEY (stream, address)
) STRICT, WITHOUT ROWID;

-- The newest no of each scope (fold.No); found by the wide key, so that every spelling meets it.
CREATE TABLE noes (
  wide TEXT NOT NULL,
  kind TEXT NOT NULL,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  address TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (wide, kind, brand, stream, address)
) STRICT, WITHOUT ROWID;

-- Watermark of deliveries; beside `facts` so that moving it rewrites little.
CREATE TABLE contacts (
  stream TEXT NOT NULL,
  address TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (stream, address)
) STRICT, WITHOUT ROWID;

-- sequence grows in the order of commits (ids grow only within one process), so that `log tail` misses nothing.
CREATE TABLE decisions (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  message TEXT NOT NULL,
  client TEXT NOT NULL,
  stream TEXT NOT NULL,
  brand TEXT NOT NULL,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  reasons TEXT NOT NULL,
  status TEXT NOT NULL,
  facts TEXT NOT NULL,
  policy TEXT NOT NULL,
  code INTEGER NOT NULL,
  enhanced TEXT NOT NULL,
  reply TEXT NOT NULL,
  enforced INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_of_message ON decisions (message);
CREATE INDEX decisions_of_recipient ON decisions (recipient);
CREATE INDEX decisions_of_reason ON decisions (reason);
CREATE INDEX decisions_of_time ON decisions (at);

CREATE TABLE outcomes (
  sequence INTEGER PRIMARY KEY,
  decision TEXT NOT NULL,
  at INTEGER NOT NULL,
  result TEXT NOT NULL,
  code INTEGER NOT NULL,
  enhanced TEXT NOT NULL,
  reply TEXT NOT NULL,
  next_hop TEXT NOT NULL,
  seconds REAL NOT NULL,
  contact INTEGER NOT NULL
) STRICT;
CREATE INDEX outcomes_of_decision ON outcomes (decision);
