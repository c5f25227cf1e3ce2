"""What monitoring asks: is the process alive, can it do its work? Tells nothing else, so it needs no login."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from relay.address import Address
from relay.log import get_logger
from relay.store.port import People, StoreUnavailableError

#: Seconds; probes of container platforms and load balancers give up after one to five.
_PATIENCE: Final = 2.0
#: Nobody: .invalid can have no mailboxes (RFC 2606).
_NOBODY: Final = Address("readiness", "relay.invalid")

Endpoint = Callable[[Request], Awaitable[Response]]


async def alive(_request: Request) -> Response:
    """`/healthz`: this process answers."""
    return PlainTextResponse("ok\n")


def readiness(store: People, clock_trouble: Callable[[], str] = lambda: "") -> Endpoint:
    """`/readyz`: the store answers a question like the one that every RCPT asks; 503 when it does not.

    clock_trouble: why the clock cannot be trusted, "" when it can; mail is not taken then.
    """

    async def ready(_request: Request) -> Response:
        if clock_trouble():  # the guard itself logs it, and not at every probe
            return PlainTextResponse("the clock is wrong\n", 503, {"retry-after": "10"})
        try:
            async with asyncio.timeout(_PATIENCE):
                await store.facts("", "", [_NOBODY])
        except (StoreUnavailableError, TimeoutError) as error:
            get_logger().warning("not-ready", why=str(error) or "the store did not answer in time")
            return PlainTextResponse("the store does not answer\n", 503, {"retry-after": "10"})
        return PlainTextResponse("ready\n")

    return ready
