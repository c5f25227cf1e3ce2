-- How many held copies of this person in this stream, that nobody works on, a newer one takes the place of.
SELECT count(*) FROM copies WHERE wide = ? AND stream = ? AND state = 'held' AND lease IS NULL
