-- A text that nobody else agreed to goes with the person; one that the operator has described is a document of the form.
DELETE FROM wordings
WHERE number = ? AND uses <= 0 AND shown_from IS NULL AND shown_until IS NULL AND picture IS NULL
