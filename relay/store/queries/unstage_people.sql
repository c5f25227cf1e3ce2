-- Leave out these people (JSON array of wide keys).
DELETE FROM temp.told WHERE wide IN (SELECT value FROM json_each(?))
