SELECT sequence, decision, at, result, code, enhanced, reply, next_hop, seconds FROM outcomes
