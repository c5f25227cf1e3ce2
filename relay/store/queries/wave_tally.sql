-- Of one wave: asked, of how many is not known yet what became of them, and when the last was queued.
SELECT count(*), coalesce(sum(result = ''), 0), max(at) FROM asks WHERE brand = ? AND wave = ?
