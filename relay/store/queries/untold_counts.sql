SELECT client, count(*) FROM reports WHERE told_at IS NULL GROUP BY client ORDER BY client
