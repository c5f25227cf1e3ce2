-- Held copies of the person and stream of copy :copy that are older than its message, whose they were, and their ends.
SELECT old.number, old.decision, old.address, old.stream, old.brand, old.reason, m.id, m.client, m.sender, old.due_at
FROM copies AS new
JOIN copies AS old ON old.wide = new.wide
JOIN messages AS m ON m.number = old.message
WHERE new.number = :copy AND old.stream = new.stream AND old.state = 'held' AND old.lease IS NULL
  AND old.message < new.message
