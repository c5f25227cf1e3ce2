-- People who asked for mail and were not sent the mail that asks for the click: few, and looked for every hour.
CREATE INDEX facts_unsent ON facts (stream, requested_at)
WHERE requested_at IS NOT NULL AND mail_sent_at IS NULL AND request_live = 1;
