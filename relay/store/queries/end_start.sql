-- Nobody works on any copy of this message any more: what was begun with it has come to an end.
UPDATE messages SET starts = 0
WHERE number = :message AND starts > 0
  AND NOT EXISTS (SELECT 1 FROM copies WHERE message = :message AND lease IS NOT NULL)
