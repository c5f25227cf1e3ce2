-- Noes of people, in order of their wide keys: after the first, up to the second key.
SELECT kind, wide, address, brand, stream, at FROM noes WHERE wide > ? AND wide <= ?
  AND wide NOT GLOB 'erased:*'
ORDER BY wide
