-- Which of these people (JSON array of wide keys) the ledger knows, and by which events.
SELECT l.wide, l.id FROM json_each(?) AS p CROSS JOIN ledger AS l ON l.wide = p.value
