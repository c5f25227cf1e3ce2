SELECT
  coalesce((SELECT max(sequence) FROM decisions), 0),
  coalesce((SELECT max(sequence) FROM outcomes), 0)
