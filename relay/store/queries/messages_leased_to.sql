SELECT DISTINCT message FROM copies WHERE lease = ? AND state = 'queued'
