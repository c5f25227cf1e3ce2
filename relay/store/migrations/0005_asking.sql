-- The relay asks people for a new yes. Times as everywhere: microseconds since 1970 (UTC).

-- Of a yes that counts: how often its person was asked for a new one since, and when the newest of those mails left. Nobody
-- was asked before this version, so nothing has to be folded anew.
ALTER TABLE facts ADD COLUMN asked_at INTEGER;
ALTER TABLE facts ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

-- Every mail that asked somebody: how "at most once in [asking] every, over all streams of a brand" is kept, whichever
-- process asks, and what waves are judged by. message: id of the mail's transaction. source: why, as the
-- ledger has it. at: when it was queued. result: '' while the mail is under way, then delivered, failed, or dropped.
CREATE TABLE asks (
  number INTEGER PRIMARY KEY,
  brand TEXT NOT NULL,
  wide TEXT NOT NULL,
  address TEXT NOT NULL,
  stream TEXT NOT NULL,
  message TEXT NOT NULL,
  source TEXT NOT NULL,
  at INTEGER NOT NULL,
  wave INTEGER NOT NULL,
  result TEXT NOT NULL DEFAULT '',
  settled_at INTEGER
) STRICT;
CREATE INDEX asks_of_person ON asks (wide, brand, at);
CREATE INDEX asks_of_brand ON asks (brand, number);
CREATE INDEX asks_of_wave ON asks (brand, wave);
CREATE INDEX asks_under_way ON asks (number) WHERE result = '';
CREATE INDEX asks_of_time ON asks (at);

-- Where each brand is in its waves. size: of this wave. since: asks with a smaller number are judged no more, because an
-- operator has looked at them. stopped_at, why: NULL and '' while asking goes on.
CREATE TABLE waves (
  brand TEXT PRIMARY KEY,
  wave INTEGER NOT NULL,
  size INTEGER NOT NULL,
  since INTEGER NOT NULL,
  stopped_at INTEGER,
  why TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Held mail whose recipient was not asked yet.
CREATE INDEX copies_unasked ON copies (brand, number) WHERE state = 'held' AND asked_at IS NULL;
