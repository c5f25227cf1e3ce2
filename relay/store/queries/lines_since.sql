-- Whom the lines after ?1 concern (NULL: somebody who was erased), ?2 of them at most.
SELECT wide FROM ledger WHERE sequence > ?1 LIMIT ?2
