SELECT stream, copies FROM tallies WHERE state = 'held'
