-- When the person behind a tombstone was erased.
SELECT at FROM noes WHERE wide = ? AND kind = 'withdraw' AND brand = '' AND stream = '' AND address = ''
