from __future__ import annotations

from pathlib import Path

from relay.store.port import Store, StoreBehindError, StoreBrokenError, StoreUnavailableError
from relay.store.sqlite import SqliteStore


def test_the_sqlite_store_keeps_the_port() -> None:
    def takes(store: Store) -> Store:
        return store

    assert takes(SqliteStore.__new__(SqliteStore))
    for name in ("facts", "record", "settle_later", "append", "flush", "close"):
        assert callable(getattr(SqliteStore, name))


def test_every_failure_is_an_outage_for_those_who_do_not_look_closer() -> None:
    assert issubclass(StoreBrokenError, StoreUnavailableError)
    assert issubclass(StoreBehindError, StoreUnavailableError)


def test_a_store_behind_its_journal_tells_what_to_do() -> None:
    error = StoreBehindError(Path("/var/withdrawals.journal"))
    assert "/var/withdrawals.journal" in str(error)
    assert "consent-relay db migrate --replay-withdrawals" in str(error)
