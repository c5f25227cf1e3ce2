-- What a lone withdrawal or complaint of a list comes to (values as in insert_imported); scopes as fold.No has them.
INSERT OR REPLACE INTO noes (wide, kind, brand, stream, address, at)
VALUES (
  ?1, ?3,
  iif(?3 = 'withdraw' AND ?27 <> '', '', ?5),
  iif(?3 = 'complain' AND ?5 <> '', '', ?27),
  '',
  coalesce(?7, ?8)
)
