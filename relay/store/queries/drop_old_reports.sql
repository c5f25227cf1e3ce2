-- As count_old_reports, at most ?3.
DELETE FROM reports WHERE number IN (
  SELECT number FROM reports WHERE at < ?1 AND (told_at IS NOT NULL OR at < ?2) ORDER BY at LIMIT ?3
)
