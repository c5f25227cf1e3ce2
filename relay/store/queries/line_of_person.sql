SELECT max(sequence) FROM ledger WHERE wide = ? AND id = ?
