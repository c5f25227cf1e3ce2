-- Every text that could be an address of certain people, with its stream: {source} gives both. ?1 JSON array of domains,
-- ?2 the first letter of the local part in lower case, '' for any. Letters outside ASCII are looked at one by one.
SELECT stream, address FROM ({source}) WHERE
  (?2 = '' OR lower(substr(ltrim(address, '"._-'), 1, 1)) = ?2 OR address GLOB '*[^ -~]*')
  AND EXISTS (SELECT 1 FROM json_each(?1) AS d WHERE substr(address, -length(d.value) - 1) = '@' || d.value)
