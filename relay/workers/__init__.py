"""Processes and what runs in them beside SMTP and web. Knows how to start, watch and stop; never decides about mail."""
