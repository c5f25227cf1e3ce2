DELETE FROM reports WHERE recipient IN (SELECT value FROM json_each(?))
