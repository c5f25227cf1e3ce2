-- What had failed of this message is over. What fails of it later is told anew.
UPDATE messages SET tellings = 0 WHERE number = ? AND tellings > 0
