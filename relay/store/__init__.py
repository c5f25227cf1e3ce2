"""The consent store: ledger, facts, decisions, outcomes. `port` is what the rest of the relay sees of it."""
