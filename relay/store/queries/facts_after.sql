-- All that is kept of addresses in streams, as they are folded, in pages after a stream and address.
SELECT stream, address FROM facts WHERE (stream, address) > (?, ?) ORDER BY stream, address LIMIT ?
