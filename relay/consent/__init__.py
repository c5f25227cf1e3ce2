"""What people agreed to: events, the facts folded from them, and the status that follows. Pure: no IO, no clock."""
