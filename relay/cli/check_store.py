"""Would the relay start on the store that is there? For `consent-relay check`; changes nothing, migrates nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from relay.cli import CommandError
from relay.cli.stored import lacks_withdrawals, reader_of
from relay.config.settings import Settings
from relay.policy.model import Policies
from relay.policy.notices import stream_of
from relay.queued import State
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


def streams_without_policy(settings: Settings, policies: Policies) -> dict[str, int]:
    """How many copies wait of streams that no policy has, renamed or given up. Only for a sound store.

    Nobody is asked for them and nothing of them goes out: they wait until their time is over.
    """
    if not settings.store.path.exists():
        return {}
    waiting: dict[str, int] = {}
    try:
        with reader_of(settings, tell_behind=False) as reader:
            for one in reader.waiting().tallies():
                if one.stream and one.state in (State.QUEUED, State.HELD) and stream_of(policies, one.stream) is None:
                    waiting[one.stream] = waiting.get(one.stream, 0) + one.copies
    except (CommandError, StoreUnavailableError):  # an older store, which serve brings up to date
        return {}
    return waiting


def brands_without_policy(settings: Settings, policies: Policies) -> list[str]:
    """Brands that people have said no to and that no policy has: renamed or given up. Only for a sound store.

    A brand that is renamed leaves these noes behind, and its streams would send to people who have said no.
    """
    if not settings.store.path.exists():
        return []
    known = {stream.brand for stream in policies.streams}
    try:
        with reader_of(settings, tell_behind=False) as reader:
            return [brand for brand in reader.brands_of_noes() if brand not in known]
    except CommandError:  # an older store, which serve brings up to date
        return []
