"""Who is told of mail that is accepted and thrown away? For `consent-relay check`; opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

from relay.config.settings import ClientSettings, Settings
from relay.envelope import Refusal
from relay.policy.model import Policies, Stream
from relay.reason import MEANINGS, Group, Verdict

_ANY_CLIENT = "*"


def told_to_nobody(settings: Settings, policies: Policies) -> Iterator[str]:
    """Remarks, in the order of the clients."""
    for client in settings.clients:
        why = "" if client.owner is not None else _why_discarded(client, policies)
        if why:
            yield (
                f'mail of client "{client.name}" that is accepted and discarded ({why}) is told to nobody but '
                "consent-relay log report; name an owner"
            )


def _why_discarded(client: ClientSettings, policies: Policies) -> str:
    """Empty for a client whose mail is never thrown away."""
    if client.refusal is not Refusal.REJECT:
        return f'refusal = "{client.refusal}"'
    for stream in policies.streams:
        if _discards(stream) and _may_use(client, stream):
            return f'by "{stream.id}"'
    return ""


def _discards(stream: Stream) -> bool:
    return any(
        verdict is Verdict.DISCARD and MEANINGS[reason].group is Group.REFUSAL
        for reason, verdict in stream.verdicts.items()
    )


def _may_use(client: ClientSettings, stream: Stream) -> bool:
    return any(not match.clients or {client.name, _ANY_CLIENT} & set(match.clients) for match in stream.matches)
