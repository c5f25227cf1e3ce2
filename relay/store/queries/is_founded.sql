-- Did the person (?1 wide key) ever ask for or agree to mail at this address (?2) in this stream (?3)?
SELECT 1 FROM ledger
WHERE wide = ?1 AND address = ?2 AND stream = ?3 AND kind IN ('request', 'grant', 'confirm', 'renew') LIMIT 1
