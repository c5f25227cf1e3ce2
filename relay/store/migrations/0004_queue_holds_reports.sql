-- Mail that was accepted and is not over yet. Times as everywhere: microseconds since 1970 (UTC).
-- Numbers of messages and copies are never given twice: somebody may still hold one that is gone.

-- Once a message. id: of the transaction, as in decisions.message. stream: '' where no policy claims it. envelope: JSON of
-- what is known of it beside sender and recipients (relay/queued.py). origin: '' for a client's mail, else which mail of
-- the relay's own it is, and `about`: the id of what that tells of. starts: how often a worker began with it and has not
-- come to an end, counted before anything looks into the message.
CREATE TABLE messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  client TEXT NOT NULL,
  stream TEXT NOT NULL,
  brand TEXT NOT NULL,
  sender TEXT NOT NULL,
  envelope TEXT NOT NULL,
  octets INTEGER NOT NULL,
  origin TEXT NOT NULL,
  about TEXT NOT NULL,
  starts INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Beside it what came after DATA, so that looking through messages does not read it.
CREATE TABLE contents (
  message INTEGER PRIMARY KEY,
  content BLOB NOT NULL
) STRICT;

-- Once a recipient, until they have it, or somebody was told. decision: the newest on this copy. state: queued (for the
-- next hop), held (for the person), failed (its sender has to be told), aside (for the operator). reason: why it waits.
-- since: in this state. due_at: queued: next attempt; held: when it is given up; failed: told at the latest. asked_at: of
-- a held one, when the person was asked. lease: the process that works on it. code to next_hop: the last answer.
CREATE TABLE copies (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  message INTEGER NOT NULL,
  decision TEXT NOT NULL,
  address TEXT NOT NULL,
  wide TEXT NOT NULL,
  domain TEXT NOT NULL,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  octets INTEGER NOT NULL,
  notify TEXT NOT NULL,
  orcpt TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  since INTEGER NOT NULL,
  due_at INTEGER,
  asked_at INTEGER,
  warned_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  lease TEXT,
  code INTEGER NOT NULL DEFAULT 0,
  enhanced TEXT NOT NULL DEFAULT '',
  reply TEXT NOT NULL DEFAULT '',
  next_hop TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX copies_due ON copies (state, due_at, domain, message) WHERE lease IS NULL;
CREATE INDEX copies_leased ON copies (lease) WHERE lease IS NOT NULL;
CREATE INDEX copies_of_message ON copies (message, state);
CREATE INDEX copies_of_person ON copies (wide);
CREATE INDEX copies_of_decision ON copies (decision);

-- How many copies wait and how large they are, by state and stream; kept by the triggers, so that nobody forgets.
CREATE TABLE tallies (
  state TEXT NOT NULL,
  stream TEXT NOT NULL,
  copies INTEGER NOT NULL,
  octets INTEGER NOT NULL,
  PRIMARY KEY (state, stream)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER copy_comes AFTER INSERT ON copies BEGIN
  INSERT INTO tallies (state, stream, copies, octets) VALUES (new.state, new.stream, 1, new.octets)
  ON CONFLICT (state, stream) DO UPDATE SET copies = copies + 1, octets = octets + excluded.octets;
END;
CREATE TRIGGER copy_moves AFTER UPDATE OF state ON copies WHEN new.state <> old.state BEGIN
  UPDATE tallies SET copies = copies - 1, octets = octets - old.octets WHERE state = old.state AND stream = old.stream;
  INSERT INTO tallies (state, stream, copies, octets) VALUES (new.state, new.stream, 1, new.octets)
  ON CONFLICT (state, stream) DO UPDATE SET copies = copies + 1, octets = octets + excluded.octets;
END;
-- With its last copy a message is over.
CREATE TRIGGER copy_goes AFTER DELETE ON copies BEGIN
  UPDATE tallies SET copies = copies - 1, octets = octets - old.octets WHERE state = old.state AND stream = old.stream;
  DELETE FROM contents WHERE message = old.message AND NOT EXISTS (SELECT 1 FROM copies WHERE message = old.message);
  DELETE FROM messages WHERE number = old.message AND NOT EXISTS (SELECT 1 FROM copies WHERE message = old.message);
END;

-- What the messages take on the disk: of each its content once, however many copies of it wait. One row.
CREATE TABLE stock (
  messages INTEGER NOT NULL,
  octets INTEGER NOT NULL
) STRICT;
INSERT INTO stock (messages, octets) VALUES (0, 0);

CREATE TRIGGER message_comes AFTER INSERT ON messages BEGIN
  UPDATE stock SET messages = messages + 1, octets = octets + new.octets;
END;
CREATE TRIGGER message_goes AFTER DELETE ON messages BEGIN
  UPDATE stock SET messages = messages - 1, octets = octets - old.octets;
END;

-- What a client's owner is told once a day: mail that was accepted and did not go out. told_at: when the mail that tells
-- it was queued, told_in: its id; NULL and '' before.
CREATE TABLE reports (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  client TEXT NOT NULL,
  brand TEXT NOT NULL,
  stream TEXT NOT NULL,
  message TEXT NOT NULL,
  decision TEXT NOT NULL,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  fate TEXT NOT NULL,
  reason TEXT NOT NULL,
  reply TEXT NOT NULL,
  told_at INTEGER,
  told_in TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX reports_untold ON reports (client, at) WHERE told_at IS NULL;
CREATE INDEX reports_of_time ON reports (at);
CREATE INDEX reports_of_recipient ON reports (recipient);
