SELECT coalesce(sum(copies), 0) FROM tallies WHERE state = 'queued'
