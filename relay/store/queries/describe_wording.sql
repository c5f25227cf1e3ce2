-- What the operator says of a text; what is not said now stays as it was.
INSERT INTO wordings (hash, text, language, shown_from, shown_until, picture, picture_type)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (hash) DO UPDATE SET
  text = coalesce(excluded.text, text),
  language = CASE excluded.language WHEN '' THEN language ELSE excluded.language END,
  shown_from = coalesce(excluded.shown_from, shown_from),
  shown_until = coalesce(excluded.shown_until, shown_until),
  picture = coalesce(excluded.picture, picture),
  picture_type = coalesce(excluded.picture_type, picture_type)
