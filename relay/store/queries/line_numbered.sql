SELECT id FROM ledger WHERE sequence = ?
