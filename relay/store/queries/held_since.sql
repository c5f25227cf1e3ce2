-- Is there a held copy of the person and stream of this copy that came with a newer message?
SELECT 1 FROM copies AS mine JOIN copies AS other ON other.wide = mine.wide
WHERE mine.number = ? AND other.stream = mine.stream AND other.state = 'held' AND other.message > mine.message
LIMIT 1
