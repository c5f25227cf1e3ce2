SELECT c.state, c.stream, count(*), min(c.at), min(c.since)
FROM copies AS c JOIN messages AS m ON m.number = c.message
