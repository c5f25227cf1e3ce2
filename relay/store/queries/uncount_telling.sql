-- Its sender was not told, and nothing went wrong.
UPDATE messages SET tellings = max(tellings - 1, 0) WHERE number = ?
