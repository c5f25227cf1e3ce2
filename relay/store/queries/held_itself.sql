-- As held_before, of this copy.
SELECT c.number, c.decision, c.address, c.stream, c.brand, c.reason, m.id, m.client, m.sender, c.due_at
FROM copies AS c JOIN messages AS m ON m.number = c.message WHERE c.number = ?
