-- How the copy told its reader who sends, why and how to stop ("added", "none: signed or encrypted"); "" where it need not.
ALTER TABLE outcomes ADD COLUMN footer TEXT NOT NULL DEFAULT '';
