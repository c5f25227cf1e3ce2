-- Was anybody erased whose no was kept? ("erased:" comes before no address, because it has no @ there.)
SELECT EXISTS (SELECT 1 FROM noes WHERE wide >= 'erased:' AND wide < 'erased;')
