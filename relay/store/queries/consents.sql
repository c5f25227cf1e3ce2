-- Every address that ever said yes in a stream ('' for every stream), in pages after a stream and address.
SELECT stream, address FROM facts
WHERE (?1 = '' OR stream = ?1) AND (stream, address) > (?2, ?3)
ORDER BY stream, address LIMIT ?4
