-- Decisions among these (JSON array of ids) whose person was erased: a decision that has an outcome had a recipient.
SELECT id FROM decisions WHERE id IN (SELECT value FROM json_each(?)) AND recipient = ''
