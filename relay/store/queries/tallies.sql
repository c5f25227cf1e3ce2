SELECT state, stream, copies, octets FROM tallies WHERE copies > 0 ORDER BY state, stream
