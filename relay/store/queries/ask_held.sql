-- The person of these held copies was asked: when, and when the copies are given up without an answer.
UPDATE copies SET asked_at = ?1, due_at = ?2 WHERE wide = ?3 AND address = ?4 AND stream = ?5 AND state = 'held'
