-- became: of the mail that tells the line, what its last attempt came to. waits: is it still in the queue?
SELECT number, at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply, told_at, told_in,
  (
    SELECT outcomes.result
    FROM decisions JOIN outcomes ON outcomes.decision = decisions.id
    WHERE reports.told_in <> '' AND decisions.message = reports.told_in
    ORDER BY outcomes.sequence DESC
    LIMIT 1
  ) AS became,
  told_in <> '' AND EXISTS (SELECT 1 FROM messages WHERE messages.id = reports.told_in) AS waits
FROM reports
