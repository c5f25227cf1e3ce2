"""`/c/<token>`: the page where a person says yes (again), with a box to tick.

The link comes from a mail of the relay's own and proves that its reader has the mailbox; the ticked box is the act. GET
and HEAD change nothing, and neither does a POST without the tick, because programs that look into mail press buttons. A
link takes one yes, however often it is used; it takes none when it is too old, nor after a no that came after its mail
(laws 2 and 5): who stopped and wants mail again signs up again. A yes is answered with thanks only once it is on disk.
The page shows sender, stream, date and source, never the address.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.evidence import wording_hash, wording_text
from relay.consent.facts import Facts
from relay.consent.freshness import newest_yes
from relay.decision import id_at, time_of
from relay.log import get_logger
from relay.message.asking import LINK_WORKS_FOR
from relay.policy.model import Stream
from relay.store.port import People, StoreUnavailableError
from relay.tokens import Claims, Purpose
from relay.web.links import Links, language_for
from relay.web.pages import Subject, subject_of
from relay.web.repeats import Repeats
from relay.web.visitor import address_of, browser_of

#: Seconds that a yes may wait for the disk; that the page may wait for what only adorns it.
_PATIENCE: Final = 15.0
_LOOK_PATIENCE: Final = 2.0
#: Presses of one link within an hour that are each brought to the store, which takes the first alone.
_BROUGHT_REPEATS: Final = 10
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody with a link that opened. sent: when its mail was written. now: taken before any look at the store, so that
    a no that comes meanwhile is later, and beats the yes.
    """

    token: str
    claims: Claims
    stream: Stream
    language: str
    now: datetime

    @property
    def sent(self) -> datetime | None:
        return time_of(self.claims.decision)

    @property
    def is_late(self) -> bool:
        return self.sent is None or self.now - self.sent > LINK_WORKS_FOR

    def was_stopped(self, facts: Facts) -> bool:
        """Does a no stand that came after the mail? A mail from the future may be older than any."""
        noes = [one for one in (facts.withdrawn_at, facts.complained_at) if one is not None]
        return any(self.sent is None or self.sent > self.now or one >= self.sent for one in noes)

    def has_answered(self, facts: Facts) -> bool:
        return facts.yes is not None and self.sent is not None and newest_yes(facts, facts.yes) >= self.sent


class Confirm:
    """clock: aware UTC now. clock_trouble: why it cannot be trusted, "" when it can: no yes is dated by a wrong clock.
    public_url: of these pages, without a slash at its end.
    """

    def __init__(
        self,
        *,
        links: Links,
        store: People,
        clock: Callable[[], datetime],
        clock_trouble: Callable[[], str],
        public_url: str,
    ) -> None:
        self._links = links
        self._store = store
        self._clock = clock
        self._clock_trouble = clock_trouble
        self._public_url = public_url
        self._repeats = Repeats()

    async def about(self, request: Request) -> Response:
        """`/c/` alone, which stands as the source of a consent: what this place is."""
        return self._links.answer("confirm_about", language_for(request))

    async def answer(self, request: Request) -> Response:
        link = await self._links.open(request, Purpose.CONFIRM)
        claims, stream, language = link.claims, link.stream, link.language
        if claims is None:
            get_logger().warning("confirm-link-unopened", key=link.key, method=request.method)
            return self._links.answer("confirm_unopened", language)
        if stream is None or not stream.is_commercial:
            self._refuse(claims, request.method, "no policy with consent has this stream")
            return self._links.answer(
                "confirm_expired", language, subject_of(claims.stream, None, language, None), status=410
            )
        visit = _Visit(link.token, claims, stream, language, self._clock())
        if visit.is_late and not self._clock_trouble():
            self._refuse(claims, request.method, "the link is too old")
            return self._links.answer("confirm_expired", language, self._subject(visit), status=410)
        if link.body is None:
            return await self._show(visit)
        if not _is_ticked(link.body):
            return await self._show(visit, wrong="unticked", status=422)
        return await self._take(visit, request)

    async def _show(self, visit: _Visit, *, wrong: str = "", status: int = 200) -> Response:
        """The form; while the store is away, without date and source."""
        try:
            async with asyncio.timeout(_LOOK_PATIENCE):
                facts = await self._facts(visit)
        except (StoreUnavailableError, TimeoutError):
            facts = Facts()
        return self._stopped(visit) if visit.was_stopped(facts) else self._ask(visit, facts, wrong=wrong, status=status)

    async def _take(self, visit: _Visit, request: Request) -> Response:
        claims = visit.claims
        log = get_logger().bind(decision=claims.decision, stream=claims.stream)
        repeated = self._repeats.count((claims.address, claims.stream), time.monotonic()) > _BROUGHT_REPEATS
        try:
            if trouble := self._clock_trouble():
                raise StoreUnavailableError(trouble)  # noqa: TRY301 - answered like any other trouble of ours
            async with asyncio.timeout(_PATIENCE):
                facts = await self._facts(visit)
                if visit.was_stopped(facts):
                    self._refuse(claims, request.method, "stopped after the mail with this link")
                    return self._stopped(visit)
                if not (repeated and visit.has_answered(facts)):
                    words = wording_text(self._links.pages.wording("confirm", visit.language, self._subject(visit)))
                    event = self._event(visit, facts, words, request)
                    await self._store.append([event], {event.evidence.wording: words})
                    log.info("confirmation", id=event.id, kind=event.kind.value, recipient=str(event.address))
        except (StoreUnavailableError, TimeoutError) as error:
            log.warning("confirmation-failed", why=str(error) or "the store did not answer in time")
            return self._ask(visit, Facts(), wrong="unavailable", status=503)
        return self._links.answer("confirmed", visit.language, self._subject(visit))

    def _event(self, visit: _Visit, facts: Facts, words: str, request: Request) -> Event:
        """The yes. words: that stood beside the box. Of one link it always has the same id, so it is taken once."""
        milliseconds = int((visit.sent or visit.now).timestamp() * 1000)
        basis = _basis(visit.stream, facts)
        # Who had said yes says it again; who had only asked for mail clicks the link of their request.
        again = facts.yes is not None or basis is not Basis.DOUBLE_OPT_IN
        return Event(
            id=id_at(milliseconds, hashlib.sha256(b"yes " + visit.token.encode()).digest()[:10]),
            kind=EventKind.RENEW if again else EventKind.CONFIRM,
            address=visit.claims.address,
            brand=visit.stream.brand,
            stream=visit.stream.id,
            at=visit.now,
            recorded_at=visit.now,
            source="confirm-page",
            recorder="web",
            basis=basis,
            act=Act.TICKED,
            evidence=Evidence(
                form_url=f"{self._public_url}/c/",  # the rest of the address is a key
                wording=wording_hash(words),
                language=visit.language,
                ip=address_of(request),
                user_agent=browser_of(request),
            ),
            live=True,
            own_act=True,
        )

    async def _facts(self, visit: _Visit) -> Facts:
        address = visit.claims.address
        return (await self._store.facts(visit.stream.brand, visit.stream.id, [address]))[address]

    @staticmethod
    def _refuse(claims: Claims, method: str, why: str) -> None:
        if method == "POST":
            get_logger().info("confirmation-refused", decision=claims.decision, stream=claims.stream, why=why)

    def _stopped(self, visit: _Visit) -> Response:
        return self._links.answer("confirm_stopped", visit.language, self._subject(visit), status=409)

    def _ask(self, visit: _Visit, facts: Facts, *, wrong: str = "", status: int = 200) -> Response:
        subject = self._subject(visit)
        if facts.yes is not None:
            on = facts.yes.at.astimezone(ZoneInfo(visit.stream.message.timezone)).date()
            subject = replace(subject, consented_on=on, source=facts.yes.form_url or facts.yes.source)
        return self._links.answer("confirm", visit.language, replace(subject, wrong=wrong), status=status)

    def _subject(self, visit: _Visit) -> Subject:
        subject = subject_of(visit.stream.id, visit.stream, visit.language, visit.sent)
        return replace(subject, stop=self._links.to_stop(visit.claims))


def _is_ticked(body: bytes) -> bool:
    """Of a form as browsers send it; whatever cannot be read is no tick."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return False
    return fields.get("agree") == ["yes"]


def _basis(stream: Stream, facts: Facts) -> Basis:
    """A click on a link that was mailed. Where a policy accepts no such thing, the yes is renewed for what it was: else
    the person's own new yes would hide the one that counts.
    """
    accepted = stream.consent.accept
    if Basis.DOUBLE_OPT_IN in accepted:
        return Basis.DOUBLE_OPT_IN
    if facts.yes is not None and facts.yes.basis in accepted and facts.yes.basis.is_by_act:
        return facts.yes.basis
    return Basis.SINGLE_OPT_IN if Basis.SINGLE_OPT_IN in accepted else Basis.DOUBLE_OPT_IN
