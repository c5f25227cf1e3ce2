-- How often a worker began to tell the sender what of this message failed, and has not come to an end; counted as `starts`
-- is, before anything looks into the message. Apart from it: what dies of the one need not die of the other.
ALTER TABLE messages ADD COLUMN tellings INTEGER NOT NULL DEFAULT 0;
