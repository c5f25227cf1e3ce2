-- Held mail of somebody who has said no since: when that was recorded. It is looked at at once, whatever its end.
ALTER TABLE copies ADD COLUMN no_at INTEGER;
CREATE INDEX copies_after_no ON copies (no_at) WHERE state = 'held' AND lease IS NULL AND no_at IS NOT NULL;

-- When held mail is given up whose person was asked and does not answer: mail that comes later waits as long. NULL of what
-- was asked before this version.
ALTER TABLE asks ADD COLUMN answer_by INTEGER;

-- Held mail that nobody was asked about: not at all, or not since it came. Before, mail that came after the question
-- counted as mail of somebody who was never asked.
DROP INDEX copies_unasked;
CREATE INDEX copies_unasked ON copies (brand, number) WHERE state = 'held' AND (asked_at IS NULL OR asked_at < at);
