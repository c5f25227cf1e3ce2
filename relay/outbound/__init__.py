"""The way to the next hop: connections, one transaction, one attempt with its result per recipient.

An own small SMTP client, because the exact bytes matter, and because after a lost connection the relay must know
whether the end of the message had been sent. Nothing here looks at consent, and addresses are never parsed again.
"""
