"""Would the relay start on the store that is there? For `consent-relay check`; changes nothing, migrates nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from relay.cli import CommandError
from relay.cli.stored import lacks_withdrawals, reader_of
from relay.config.settings import Settings
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.port import StoreUnavailableError
from relay.store.schema import migrations, version_of


def problems_of_store(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong and what to do. No store is no problem: `serve` makes one, and brings an older one up to date."""
    path = settings.store.path
    if not path.exists():
        return
    try:
        with errors_of_the_store(), contextlib.closing(open_for_reading(path)) as connection:
            if version_of(connection) < len(migrations()):
                return
        with reader_of(settings, tell_behind=False) as reader:
            behind = lacks_withdrawals(reader, settings)
    except (CommandError, StoreUnavailableError) as error:
        yield str(error), "mend it, or name another store"
        return
    if behind:
        yield (
            f"{path} lacks withdrawals that {settings.store.journal} has (was it restored from a backup?)",
            "run consent-relay db migrate --replay-withdrawals",
        )
