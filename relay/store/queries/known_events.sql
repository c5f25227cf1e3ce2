SELECT id, sequence FROM ledger WHERE id IN (SELECT value FROM json_each(?))
