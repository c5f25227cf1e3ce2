-- Held copies that are to be given up, and those whose person has said no: few, found without a look at all that is held.
SELECT number, message, due_at AS at FROM copies
WHERE state = 'held' AND lease IS NULL AND due_at <= :now AND no_at IS NULL
UNION ALL
SELECT number, message, no_at FROM copies INDEXED BY copies_after_no
WHERE state = 'held' AND lease IS NULL AND no_at IS NOT NULL
ORDER BY at, number
LIMIT :most
