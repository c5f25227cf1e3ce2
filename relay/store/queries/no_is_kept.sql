-- ?1 wide key, ?2 kind, ?3 brand, ?4 stream, ?5 address, ?6 at: is this no, or a newer one of its scope, among the noes?
SELECT 1 FROM noes WHERE wide = ?1 AND kind = ?2 AND brand = ?3 AND stream = ?4 AND address = ?5 AND at >= ?6
