-- Nothing went wrong with the message: that it was begun does not count, once nobody works on it any more.
UPDATE messages SET starts = max(starts - 1, 0)
WHERE number = :message AND NOT EXISTS (SELECT 1 FROM copies WHERE message = :message AND lease IS NOT NULL)
