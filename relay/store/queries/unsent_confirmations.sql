-- ?1 stream, ?2 and ?3: who asked for mail of it between these moments (both included), as it happened, and was not sent
-- the mail that asks for the click. By the index facts_unsent.
SELECT address, requested_at FROM facts
WHERE stream = ?1 AND requested_at BETWEEN ?2 AND ?3
  AND requested_at IS NOT NULL AND mail_sent_at IS NULL AND request_live = 1
