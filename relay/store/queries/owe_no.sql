-- The same values as put_no; of an erased person there is no address (?5).
INSERT INTO owed_noes (wide, kind, brand, stream, at) VALUES (?1, ?2, ?3, ?4, ?6)
