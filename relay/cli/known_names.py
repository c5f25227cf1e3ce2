"""Tells a name that nobody knows from one of which nothing waits, for the commands of `queue` and `hold`."""

from __future__ import annotations

from collections.abc import Sequence

from relay.cli import CommandError
from relay.config.mistakes import did_you_mean
from relay.config.settings import Settings
from relay.policy.files import load_policies
from relay.policy.model import RELAY_NOTICES
from relay.store.waiting import WaitingMail, WantedCopies
from relay.workers.own_mail import RELAY


def require_known_names(wanted: WantedCopies, settings: Settings, mail: WaitingMail) -> None:
    """For a choice that found nothing. A name that policies and settings have no more is known while its mail waits.

    Raises CommandError for a stream or client that is not known, ProblemsError for policies that cannot be read.
    """
    if wanted.stream and not mail.count(WantedCopies(stream=wanted.stream)):
        streams = [*load_policies(settings.policies).by_id, RELAY_NOTICES]
        _require("--stream", wanted.stream, streams, "no policy has the id")
    if wanted.client and not mail.count(WantedCopies(client=wanted.client)):
        clients = [*(one.name for one in settings.clients), RELAY.name]
        _require("--client", wanted.client, clients, "no client has the name")


def _require(option: str, name: str, known: Sequence[str], wrong: str) -> None:
    if name not in known:
        near = did_you_mean(name, known)
        hint = f'did you mean "{near}"?' if near else f"known are {', '.join(known)}"
        raise CommandError(f'{option}: {wrong} "{name}", and no mail of it waits; {hint}', exit_code=2)
