-- The newest no of each kind and scope that tombstones keep.
SELECT kind, brand, stream, max(at) FROM noes WHERE wide GLOB 'erased:*' GROUP BY kind, brand, stream
