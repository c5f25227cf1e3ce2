-- The next hop's replies often name the address. JSON array of recipients.
UPDATE outcomes SET reply = '(erased)'
WHERE decision IN (SELECT id FROM decisions WHERE recipient IN (SELECT value FROM json_each(?)))
