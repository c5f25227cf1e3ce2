SELECT fate, reason, stream, count(*) FROM reports
