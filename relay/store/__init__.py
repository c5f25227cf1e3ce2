"""The consent store: ledger, facts, decisions, outcomes. The relay works through `port`, commands through `open_reader`."""

from relay.store.reading import open_reader

__all__ = ["open_reader"]
