-- Has anybody been erased who had said no?
SELECT 1 FROM noes WHERE wide >= ? AND wide < ? LIMIT 1
