UPDATE copies SET lease = ? WHERE number IN (SELECT value FROM json_each(?)) AND lease IS NULL
