-- The noes of people who were erased: tombstones begin with "erased:", and ";" follows ":".
SELECT kind, wide, brand, stream, at FROM noes WHERE wide >= 'erased:' AND wide < 'erased;'
