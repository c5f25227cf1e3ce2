SELECT messages, octets FROM stock
