-- The message that a notification (by the id of its own transaction) tells of.
SELECT n.about FROM decisions AS d JOIN notices AS n ON n.decision = d.id WHERE d.message = ?
