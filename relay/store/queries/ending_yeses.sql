-- A page of a stream's facts after an address: an old yes, mail of the stream until lately, and no two questions yet. Who
-- was never asked comes with those who were asked long ago; the caller judges. ?3: the newest yes is no newer. ?4: the
-- last mail is no older.
SELECT f.address FROM facts AS f JOIN contacts AS c ON c.stream = f.stream AND c.address = f.address
WHERE f.stream = ?1 AND f.address > ?2 AND max(f.yes_at, coalesce(f.renewed_at, f.yes_at)) <= ?3 AND c.at >= ?4
  AND f.asked < 2
ORDER BY f.address LIMIT ?5
