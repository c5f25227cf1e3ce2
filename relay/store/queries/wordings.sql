-- All wordings, or those whose hash begins with ?1; the newest in use first.
SELECT hash, text, language, first_at, last_at, shown_from, shown_until, picture_type, length(picture), uses FROM wordings
WHERE substr(hash, 1, length(?1)) = ?1
ORDER BY coalesce(last_at, shown_from) DESC, number
