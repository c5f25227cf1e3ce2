SELECT 1 FROM tallies WHERE state = 'held' AND copies > 0 LIMIT 1
