-- ?1 hash, ?2 text or NULL, ?3 language, ?4 and ?5 first and last use, ?6 uses to count: the number of the wording.
INSERT INTO wordings (hash, text, language, first_at, last_at, uses) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (hash) DO UPDATE SET
  text = coalesce(text, excluded.text),
  language = CASE language WHEN '' THEN excluded.language ELSE language END,
  first_at = min(coalesce(first_at, excluded.first_at), excluded.first_at),
  last_at = max(coalesce(last_at, excluded.last_at), excluded.last_at),
  uses = uses + excluded.uses
RETURNING number
