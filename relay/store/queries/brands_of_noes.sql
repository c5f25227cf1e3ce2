SELECT DISTINCT brand FROM noes WHERE brand <> '' ORDER BY brand
