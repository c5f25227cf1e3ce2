SELECT decision, at, result FROM outcomes WHERE decision IN (SELECT value FROM json_each(?))
