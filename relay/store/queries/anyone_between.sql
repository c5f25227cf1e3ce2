-- Does the ledger know anybody from one wide key to another?
SELECT EXISTS (SELECT 1 FROM ledger WHERE wide BETWEEN ?1 AND ?2)
