-- Which message a notification to its sender tells of: by the first decision on the notification, with which it is taken
-- out. about: id of a transaction, as in decisions.message.
CREATE TABLE notices (
  decision TEXT PRIMARY KEY,
  about TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_about ON notices (about);
