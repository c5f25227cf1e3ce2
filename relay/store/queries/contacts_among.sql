-- Which of these (JSON array of [stream, address]) have had a delivery; their places.
SELECT a.key FROM json_each(?) AS a CROSS JOIN contacts AS c ON c.stream = a.value ->> 0 AND c.address = a.value ->> 1
