"""`/u/<token>`: the page that asks, and the POST that stops a stream (RFC 8058).

GET and HEAD read nothing but the token and the policies: they change nothing, work while the store is away, and take
the same time whoever the recipient is. A POST with any body withdraws, without cookies, login or redirect, and is
answered 200 only after the withdrawal is on disk. The page shows sender, stream and the date of the mail, never the
address: whoever a mail was forwarded to may stop it, and learns nothing (law 5).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from relay.consent.events import Event, EventKind
from relay.decision import new_id, time_of
from relay.log import get_logger
from relay.policy.model import Stream
from relay.store.port import People, StoreUnavailableError
from relay.tokens import Claims, Purpose
from relay.web.links import Links
from relay.web.pages import subject_of
from relay.web.repeats import Repeats

#: Seconds that a withdrawal may wait for the disk; a mailbox provider waits not much longer for its answer.
_PATIENCE: Final = 15.0
#: Presses of one link within an hour that each become a line of the ledger.
_RECORDED_REPEATS: Final = 10


class Unsubscribe:
    """clock: aware UTC now. randomness: n -> n octets."""

    def __init__(
        self,
        *,
        links: Links,
        store: People,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._links = links
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._repeats = Repeats()

    async def answer(self, request: Request) -> Response:
        link = await self._links.open(request, Purpose.UNSUBSCRIBE)
        if link.claims is None:
            # the same answer to GET and POST; the operator has to know, for a key that was lost loses withdrawals
            get_logger().warning("unsubscribe-link-unopened", key=link.key, method=request.method)
            return self._links.answer("unopened", link.language)
        if link.body is None:
            return self._page("ask", link.language, link.claims, link.stream)
        return await self._withdraw(link.claims, link.stream, link.language, link.body)

    async def _withdraw(self, claims: Claims, stream: Stream | None, language: str, body: bytes) -> Response:
        # The body decides nothing but the name of the source, so there is nothing in it that could be read wrongly.
        source = "one-click" if b"One-Click" in body else "unsubscribe-page"
        now = self._clock()
        event = Event(
            id=new_id(now, self._randomness(10)),
            kind=EventKind.WITHDRAW,
            address=claims.address,
            brand="" if stream is None else stream.brand,
            stream=claims.stream,
            at=now,
            recorded_at=now,
            source=source,
            recorder="web",
            live=True,
            own_act=True,
        )
        log = get_logger().bind(id=event.id, decision=claims.decision, stream=claims.stream, source=source)
        try:
            async with asyncio.timeout(_PATIENCE):
                since = await self._already_stopped(event)
                if since is not None:
                    return self._page("stopped", language, claims, stream, now=since)
                await self._store.append([event])
        except (StoreUnavailableError, TimeoutError) as error:
            log.warning("withdrawal-failed", why=str(error) or "the store did not answer in time")
            return self._page("unavailable", language, claims, stream, status=503)
        log.info("withdrawal", recipient=str(claims.address))
        return self._page("stopped", language, claims, stream, now=now)

    async def _already_stopped(self, event: Event) -> datetime | None:
        """Since when, for a link that is pressed over and over: one person's ledger must not grow without end.

        Only then, because looking first takes another time than writing, and would tell who has stopped before.
        """
        if self._repeats.count((event.address, event.stream), time.monotonic()) <= _RECORDED_REPEATS:
            return None
        facts = await self._store.facts(event.brand, event.stream, [event.address])
        return facts[event.address].withdrawn_at

    def _page(
        self,
        name: str,
        language: str,
        claims: Claims,
        stream: Stream | None,
        *,
        status: int = 200,
        now: datetime | None = None,
    ) -> Response:
        subject = subject_of(claims.stream, stream, language, time_of(claims.decision))
        return self._links.answer(name, language, subject, status=status, now=now)
