from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from store.waiting import PSEUDONYMS
from structlog.testing import capture_logs

from relay.address import Address
from relay.queued import Fate, Origin, ReportLine, Step
from relay.reason import Reason
from relay.store.connection import open_for_reading, open_for_writing
from relay.store.port import AlreadyToldError, Store, StoreUnavailableError
from relay.store.queue import Caps
from relay.store.reported import Reported, WantedLines, lines
from relay.store.sqlite import open_store
from relay.workers import reporting
from relay.workers.own_mail import OwnMail
from relay.workers.reporting import Reporter, keep_reporting, last_hour

#: Six o'clock is when reports go out.
SIX = datetime(2026, 5, 4, 6, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
OWNER = Address("owner", "shop.example")


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now, self.trouble = now, ""


def reporter(store: Store, folder: Path, clock: Clock, **owners: Address) -> Reporter:
    return Reporter(
        store=store,
        path=folder / "relay.db",
        own_mail=OwnMail(mail_domain="relay.brand.example", randomness=os.urandom),
        relay="relay.brand.example",
        owners=owners or {"shop": OWNER},
        hour=6,
        clock=lambda: clock.now,
        trouble=lambda: clock.trouble,
    )


@contextlib.asynccontextmanager
async def opened(folder: Path, caps: Caps = Caps()) -> AsyncIterator[Store]:  # noqa: B008 - a frozen value
    store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS, caps=caps)
    try:
        yield store
    finally:
        await store.close()


def line(at: datetime, client: str = "shop", **more: Any) -> ReportLine:
    fields: dict[str, Any] = {
        "brand": "brand",
        "stream": "newsletter",
        "message": "M",
        "decision": "D",
        "sender": "news@brand.example",
        "recipient": "ann@example.com",
        "fate": Fate.DISCARDED,
        "reason": Reason.WITHDRAWN,
    }
    return ReportLine(at=at, client=client, **(fields | more))


def told(folder: Path) -> list[Reported]:
    with contextlib.closing(open_for_reading(folder / "relay.db")) as connection:
        return lines(connection, WantedLines(), 10_000)


def decisions(folder: Path) -> list[tuple[str, str, str]]:
    with contextlib.closing(open_for_reading(folder / "relay.db")) as connection:
        return connection.execute("SELECT id, message, verdict FROM decisions").fetchall()


async def mails(store: Store, now: datetime) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of what is queued; it is claimed by that."""
    found = []
    for one in await store.claim(now, 100):
        assert one.message.origin is Origin.REPORT
        assert one.message.about in ("shop", "blog")
        parsed = email.message_from_bytes(await store.content(one.message.number), policy=email.policy.default)
        assert parsed["From"] == "Mail relay reports <mailer-daemon@relay.brand.example>"
        found.append((str(one.copies[0].recipient.address), str(parsed["Subject"]), parsed.get_content()))
    return found


def run(tmp_path: Path, body: Callable[[Store], Awaitable[None]], caps: Caps = Caps()) -> None:  # noqa: B008
    async def whole() -> None:
        async with opened(tmp_path, caps) as store:
            await body(store)

    asyncio.run(whole())


def test_the_hour_is_that_of_today_or_of_yesterday() -> None:
    assert last_hour(SIX, 6) == SIX
    assert last_hour(SIX - timedelta(microseconds=1), 6) == SIX - DAY
    assert last_hour(SIX + timedelta(hours=17, minutes=59), 6) == SIX


def test_once_a_day_the_owner_gets_what_was_not_told(tmp_path: Path) -> None:
    clock = Clock(SIX - MINUTE)

    async def body(store: Store) -> None:
        reports = reporter(store, tmp_path, clock)
        await store.commit(Step(reports=(line(SIX - 9 * MINUTE), line(SIX - 2 * MINUTE, fate=Fate.EXPIRED))))
        assert await reports.report_when_it_is_time() == 0  # it is not six yet
        clock.now = SIX + 4 * MINUTE
        assert await reports.report_when_it_is_time() == 0  # what happened just before six may still be on its way
        clock.now = SIX + 5 * MINUTE
        await store.commit(Step(reports=(line(SIX + MINUTE),)))
        with capture_logs() as logged:
            assert await reports.report_when_it_is_time() == 1
        assert [(one["event"], one["client"], one["lines"]) for one in logged] == [("report-sent", "shop", 2)]
        assert decisions(tmp_path) == [(logged[0]["id"], logged[0]["message"], "deliver")]
        assert await reports.report_when_it_is_time() == 0
        ((to, subject, text),) = await mails(store, clock.now)
        assert to == "owner@shop.example"
        assert subject == "2 mails of shop not sent / 送信しなかったメール 2 通"
        assert "discarded, withdrawn, newsletter, from news@brand.example" in text
        first, second, late = told(tmp_path)
        assert first.told_in == second.told_in == logged[0]["message"] != ""
        assert (first.told_at, late.told_at) == (clock.now, None)
        clock.now += DAY
        assert await reports.report_when_it_is_time() == 1
        assert all(one.told_at is not None for one in told(tmp_path))

    run(tmp_path, body)


def test_of_several_processes_one_tells(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=tuple(line(SIX - number * MINUTE) for number in range(1, 50))))
        async with contextlib.AsyncExitStack() as stack:
            others = [store, *[await stack.enter_async_context(opened(tmp_path)) for _ in range(3)]]
            reporters = [reporter(one, tmp_path, clock) for one in others]
            counts = await asyncio.gather(*(one.report_when_it_is_time() for one in reporters))
            assert sum(counts) == 1
            assert len(await mails(store, clock.now)) == 1

    run(tmp_path, body)


def test_a_line_that_is_told_by_another_mail_keeps_the_whole_mail_back(tmp_path: Path) -> None:
    """Whoever comes second has read the lines before they were told."""
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        first, second = (reporter(store, tmp_path, clock) for _ in range(2))
        found = first._untold("shop", SIX)
        assert found is not None
        await first._queue("shop", OWNER, found, SIX)
        with pytest.raises(AlreadyToldError):
            await second._queue("shop", OWNER, found, SIX)
        assert len(await mails(store, clock.now)) == 1

    run(tmp_path, body)


def test_who_finds_that_another_process_was_faster_leaves_it_at_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        loop, faster, read = asyncio.get_running_loop(), reporter(store, tmp_path, clock), reporting.untold

        def overtaken(*arguments: Any) -> Any:
            found = read(*arguments)
            if found is not None:
                asyncio.run_coroutine_threadsafe(faster._queue("shop", OWNER, found, SIX), loop).result()
            return found

        monkeypatch.setattr(reporting, "untold", overtaken)
        with capture_logs() as logged:
            assert await reporter(store, tmp_path, clock).report_when_it_is_time() == 0
        assert [one["event"] for one in logged] == ["report-sent"]
        assert len(await mails(store, clock.now)) == 1

    run(tmp_path, body)


def test_each_owner_hears_of_their_own_client_and_nobody_of_a_client_without_owner(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        clients = ("shop", "blog", "nobody", "shop")
        await store.commit(Step(reports=tuple(line(SIX - MINUTE, client) for client in clients)))
        reports = reporter(store, tmp_path, clock, shop=OWNER, blog=Address("me", "blog.example"))
        assert await reports.report_when_it_is_time() == 2
        found = await mails(store, clock.now)
        assert sorted((to, subject.split(" not")[0]) for to, subject, _ in found) == [
            ("me@blog.example", "1 mail of blog"),
            ("owner@shop.example", "2 mails of shop"),
        ]
        assert [one.line.client for one in told(tmp_path) if one.told_at is None] == ["nobody"]

    run(tmp_path, body)


def test_days_that_nobody_could_be_told_come_in_one_mail(tmp_path: Path) -> None:
    clock = Clock(SIX + 3 * DAY + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=tuple(line(SIX + day * DAY) for day in range(3))))
        assert await reporter(store, tmp_path, clock).report_when_it_is_time() == 1
        ((_, subject, text),) = await mails(store, clock.now)
        assert subject.startswith("3 mails")
        assert "from 2026-05-04 06:00 to 2026-05-07 06:00 UTC" in text

    run(tmp_path, body)


def test_more_than_one_mail_can_tell_comes_in_the_next_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_MOST_TOLD", 10)
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=tuple(line(SIX - number * MINUTE) for number in range(1, 26))))
        assert await reporter(store, tmp_path, clock).report_when_it_is_time() == 3
        found = told(tmp_path)
        by_mail = [sum(one.told_in == mail for one in found) for mail in dict.fromkeys(one.told_in for one in found)]
        assert by_mail == [10, 10, 5]

    run(tmp_path, body)


def test_one_look_sends_an_owner_so_many_mails_and_the_next_look_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_MOST_TOLD", 10)
    monkeypatch.setattr(reporting, "_MOST_MAILS", 2)
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=tuple(line(SIX - number * MINUTE) for number in range(1, 26))))
        reports = reporter(store, tmp_path, clock)
        assert [await reports.report_when_it_is_time() for _ in range(3)] == [2, 1, 0]

    run(tmp_path, body)


def test_while_the_clock_is_in_doubt_nobody_is_told(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)
    clock.trouble = "the clock has jumped"

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        assert await reporter(store, tmp_path, clock).report_when_it_is_time() == 0

    run(tmp_path, body)


def test_lines_stay_untold_while_nothing_can_be_written(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        await store.close()
        with pytest.raises(StoreUnavailableError):
            await reporter(store, tmp_path, clock).report_when_it_is_time()
        assert [one.told_at for one in told(tmp_path)] == [None]

    run(tmp_path, body)


def test_a_failure_is_logged_and_the_next_look_comes(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            raise asyncio.CancelledError

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        await store.close()
        with pytest.raises(asyncio.CancelledError):
            await keep_reporting(reporter(store, tmp_path, clock), Random(1), sleep=sleep)

    with capture_logs() as logged:
        run(tmp_path, body)
    failures = [one for one in logged if one["event"] == "report-failed"]
    assert [bool(one["why"]) for one in failures] == [True, True]


def test_looks_come_every_one_to_three_minutes_and_never_in_step_whatever_fails(tmp_path: Path) -> None:
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 200:
            raise asyncio.CancelledError

    def broken() -> str:
        raise RuntimeError("of another version")

    async def body(store: Store) -> None:
        reports = replace(reporter(store, tmp_path, Clock(SIX)), trouble=broken)
        with pytest.raises(asyncio.CancelledError):
            await keep_reporting(reports, Random(1), sleep=sleep)

    with capture_logs() as logged:
        run(tmp_path, body)
    assert 60 <= min(sleeps) < 70
    assert 170 < max(sleeps) <= 180
    failures = [one["why"] for one in logged if one["event"] == "report-failed"]
    assert failures == ["RuntimeError: of another version"] * 199


def test_a_line_that_nobody_can_read_keeps_no_other_owner_from_being_told(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE, "blog"), line(SIX - MINUTE, "shop"))))
        with contextlib.closing(open_for_writing(tmp_path / "relay.db")) as connection:
            connection.execute("UPDATE reports SET reason = 'of another version' WHERE client = 'blog'")
            connection.commit()
        reports = reporter(store, tmp_path, clock, blog=Address("me", "blog.example"), shop=OWNER)
        assert await reports.report_when_it_is_time() == 1
        assert [to for to, *_ in await mails(store, clock.now)] == [str(OWNER)]

    with capture_logs() as logged:
        run(tmp_path, body)
    ((client, why),) = [(one["client"], one["why"]) for one in logged if one["event"] == "report-failed"]
    assert client == "blog"
    assert why.startswith("ValueError: ")
    assert "of another version" in why


def test_a_full_queue_keeps_no_owner_from_being_told(tmp_path: Path) -> None:
    clock = Clock(SIX + 9 * MINUTE)

    async def body(store: Store) -> None:
        await store.commit(Step(reports=(line(SIX - MINUTE),)))
        assert await reporter(store, tmp_path, clock).report_when_it_is_time() == 1

    run(tmp_path, body, Caps(octets=10))
