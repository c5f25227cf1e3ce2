UPDATE reports SET sender = substr(sender, instr(sender, '@')) WHERE sender IN (SELECT value FROM json_each(?))
