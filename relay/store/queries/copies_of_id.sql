SELECT copies.number FROM messages JOIN copies ON copies.message = messages.number WHERE messages.id = :identity
UNION
SELECT number FROM copies WHERE decision = :identity
UNION
-- an earlier decision on the copy: its id stands in the reply that the client got
SELECT copies.number
FROM decisions
JOIN messages ON messages.id = decisions.message
JOIN copies ON copies.message = messages.number AND copies.address = decisions.recipient
WHERE decisions.id = :identity
