-- ?1 for those that were told, ?2 for those of clients without an owner, whom nobody tells.
SELECT count(*) FROM reports WHERE at < ?1 AND (told_at IS NOT NULL OR at < ?2)
