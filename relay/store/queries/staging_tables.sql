-- Where a bundle of a list waits for its transaction, in memory and on this connection alone (relay/store/told.py).
CREATE TEMP TABLE told (
  wide TEXT, id TEXT, address TEXT, at INTEGER, confirmed_at INTEGER, mail_sent_at INTEGER, last_contact_at INTEGER,
  ip TEXT, user_agent TEXT, salt BLOB, yes_at INTEGER, place INTEGER, shape INTEGER
);
-- lone: the only event of its person in the list.
CREATE TEMP TABLE shapes (
  number INTEGER PRIMARY KEY, lone INTEGER,
  kind TEXT, brand TEXT, stream TEXT, recorded_at INTEGER, source TEXT, recorder TEXT, basis TEXT, act TEXT,
  form_url TEXT, wording TEXT, language TEXT, alone, yes_basis TEXT, yes_act TEXT
);
