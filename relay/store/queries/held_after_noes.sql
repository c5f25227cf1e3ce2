-- Held copies of these people (JSON array of wide keys), who have said no.
UPDATE copies SET no_at = ? WHERE wide IN (SELECT value FROM json_each(?)) AND state = 'held'
