-- max(number) brings the answer of that row along.
SELECT next_hop, count(*) AS copies, max(number), code, enhanced, reply
FROM copies
WHERE state = 'queued' AND attempts > 0
GROUP BY next_hop
ORDER BY copies DESC, next_hop
LIMIT ?
