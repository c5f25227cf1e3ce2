SELECT c.stream, c.reason, count(*), sum(c.octets), min(c.at), count(c.asked_at), min(c.asked_at), max(c.asked_at),
  min(c.due_at), max(c.due_at)
FROM copies AS c JOIN messages AS m ON m.number = c.message
