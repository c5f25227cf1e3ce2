-- What they sent to others and waits goes out without an address to return it to. JSON array of senders.
UPDATE messages SET sender = '' WHERE sender IN (SELECT value FROM json_each(?))
