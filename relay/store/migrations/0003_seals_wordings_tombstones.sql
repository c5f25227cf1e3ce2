-- The ledger anew: it is hashed by the sealer (seals), not line by line while it is written; personal fields may be erased;
-- the words that people agreed to stand once in `wordings`. Ids are no longer indexed, which cost most of the room and
-- time of an import: an event that comes twice is found among the events of its person, who are read for folding anyway.
DROP INDEX ledger_of_person;
DROP INDEX ledger_noes;
ALTER TABLE ledger RENAME TO ledger_before;

-- Append-only. sequence: contiguous from 1. address and wide: NULL once erased. salt: random octets that the salts of
-- the personal fields are made from; erased: JSON {field: commitment} of those taken out (relay/consent/ledger.py).
CREATE TABLE ledger (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  address TEXT,
  wide TEXT,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  at INTEGER,
  recorded_at INTEGER NOT NULL,
  source TEXT,
  recorder TEXT NOT NULL,
  basis TEXT,
  act TEXT,
  confirmed_at INTEGER,
  mail_sent_at INTEGER,
  last_contact_at INTEGER,
  form_url TEXT,
  wording INTEGER,
  language TEXT NOT NULL,
  ip TEXT,
  user_agent TEXT,
  live INTEGER NOT NULL,
  own_act INTEGER NOT NULL,
  salt BLOB NOT NULL,
  erased TEXT
) STRICT;

-- hash: SHA-256 (hex) of the text. first_at, last_at: when it was agreed to; shown_from, shown_until: when it was in use,
-- as the operator says. uses: events that name it.
CREATE TABLE wordings (
  number INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  text TEXT,
  language TEXT NOT NULL DEFAULT '',
  first_at INTEGER,
  last_at INTEGER,
  shown_from INTEGER,
  shown_until INTEGER,
  picture BLOB,
  picture_type TEXT,
  uses INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Wordings were free text or a hash then; SQL cannot hash, so a text is not carried over (no version with them was
-- ever released).
INSERT INTO wordings (hash, first_at, last_at, uses)
SELECT wording, min(coalesce(at, recorded_at)), max(coalesce(at, recorded_at)), count(*) FROM ledger_before
WHERE length(wording) = 64 AND wording NOT GLOB '*[^0-9a-f]*'
GROUP BY wording;

INSERT INTO ledger
SELECT l.sequence, l.id, l.kind, l.address, l.wide, l.brand, l.stream, l.at, l.recorded_at, l.source, l.recorder,
  l.basis, l.act, l.confirmed_at, NULL, l.last_contact_at, l.form_url, w.number, l.language, l.ip, l.user_agent,
  l.live, l.own_act, randomblob(16), NULL
FROM ledger_before AS l LEFT JOIN wordings AS w ON w.hash = l.wording
ORDER BY l.sequence;
DROP TABLE ledger_before;

CREATE INDEX ledger_of_person ON ledger (wide) WHERE wide IS NOT NULL;
-- For the journal of withdrawals, and for few rows only. The id lets it be searched without reading the ledger.
CREATE INDEX ledger_noes ON ledger (sequence, id) WHERE kind IN ('withdraw', 'complain');

-- Of a request that is not answered yet: when its mail left, and whether it was recorded when it happened.
ALTER TABLE facts ADD COLUMN mail_sent_at INTEGER;
ALTER TABLE facts ADD COLUMN request_live INTEGER NOT NULL DEFAULT 0;

-- Stretches of the ledger as they were hashed, each chained to the one before. marks: the first octets of each line's
-- digest, so that a changed line can be named.
CREATE TABLE seals (
  number INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  at INTEGER NOT NULL,
  marks BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;

-- The first permanent failure of an address, until a second one a day later, or a delivery.
CREATE TABLE failures (
  address TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  code TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is known of the store itself. 'people-key': which key its pseudonyms are made with (Pseudonyms.fingerprint).
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
