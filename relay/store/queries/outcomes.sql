SELECT sequence, decision, at, result, code, enhanced, reply, next_hop, seconds, footer FROM outcomes
