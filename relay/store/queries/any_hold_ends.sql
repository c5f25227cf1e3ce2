-- Is a held copy that nobody works on to be given up, or of somebody who has said no?
SELECT EXISTS (SELECT 1 FROM copies WHERE state = 'held' AND lease IS NULL AND due_at <= :now)
  OR EXISTS (
    SELECT 1 FROM copies INDEXED BY copies_after_no WHERE state = 'held' AND lease IS NULL AND no_at IS NOT NULL
  )
