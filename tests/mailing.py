"""Short ways to next hops, mails and attempts, for tests of the way out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from faulty_hop import FaultyHop

from relay.address import address_from_text
from relay.config.settings import HostPort, NextHop, Timeouts
from relay.envelope import MailParameters, Recipient
from relay.outbound.attempt import Attempt, Mail, NextHops

#: The fixture `run`: a coroutine to its end, under each event loop.
Run = Callable[[Coroutine[Any, Any, None]], None]
SENDER = address_from_text("news@brand.example")
CONTENT = b"Subject: hello\r\n\r\n.dot\r\ntext\r\n"
#: Seconds a hop under test is given where the test is about giving up; everywhere else a busy machine gets enough.
SHORT = 0.3
PATIENCE = 15.0


def without(*names: str) -> tuple[str, ...]:
    """What a next hop offers, but for these extensions."""
    return tuple(extension for extension in FaultyHop.EXTENSIONS if extension.split()[0] not in names)


PIPELINED = FaultyHop.EXTENSIONS
STEP_BY_STEP = without("PIPELINING")


def hop_at(server: FaultyHop | int, *, patience: float = PATIENCE, **fields: Any) -> NextHop:
    port = server if isinstance(server, int) else server.port
    wait = timedelta(seconds=patience)
    fields.setdefault("timeouts", Timeouts(connect=wait, reply=wait, dot=wait, idle=timedelta(seconds=20)))
    return NextHop(HostPort("127.0.0.1", port), **fields)


def mail_to(*recipients: str, content: bytes = CONTENT, **fields: Any) -> Mail:
    to = tuple(Recipient(address_from_text(text)) for text in recipients or ("user@example.com",))
    fields.setdefault("sender", SENDER)
    fields.setdefault("parameters", MailParameters())
    return Mail(recipients=to, content=content, **fields)


async def deliver(*hops: NextHop, mail: Mail | None = None, budget: float = 60) -> tuple[Attempt, ...]:
    """One attempt, with everything closed afterwards."""
    next_hops = NextHops(hops, "relay.test", budget=budget)
    try:
        return await next_hops.deliver(mail or mail_to())
    finally:
        await next_hops.close()


def told(attempts: tuple[Attempt, ...]) -> list[tuple[str, str]]:
    """(result, code and enhanced code) of each attempt."""
    return [(str(attempt.result), f"{attempt.reply.code} {attempt.reply.enhanced}") for attempt in attempts]
