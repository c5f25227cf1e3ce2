-- Is a copy in this state due that nobody works on?
SELECT EXISTS (SELECT 1 FROM copies WHERE state = :state AND lease IS NULL AND due_at <= :now)
