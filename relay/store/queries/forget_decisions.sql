-- Decisions stay, for the counts; who they were about does not. Of the sender, which may name the reader (VERP), the
-- domain stays.
UPDATE decisions SET recipient = '', facts = '{}', sender = substr(sender, instr(sender, '@'))
WHERE recipient IN (SELECT value FROM json_each(?))
