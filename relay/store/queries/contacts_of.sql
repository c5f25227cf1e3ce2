-- JSON array of [stream, address].
SELECT c.stream, c.address, c.at FROM json_each(?) AS a
JOIN contacts AS c ON c.stream = a.value ->> 0 AND c.address = a.value ->> 1
ORDER BY c.stream, c.address
