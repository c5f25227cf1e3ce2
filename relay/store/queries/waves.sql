SELECT brand, wave, size, since, stopped_at, why FROM waves WHERE brand = ?1 OR ?1 IS NULL
