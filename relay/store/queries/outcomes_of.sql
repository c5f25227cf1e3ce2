SELECT sequence, decision, at, result, code, enhanced, reply, next_hop, seconds, footer FROM outcomes
WHERE decision IN (SELECT value FROM json_each(?))
ORDER BY sequence
