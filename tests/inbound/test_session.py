"""What no line-by-line dialogue can show: clients that go away, floods, slowness, and every division into packets."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from inbound.stage import LOCAL, MAUTIC, Notebook, eventually, listener, open_stage, quick, run, without_collector
from structlog.testing import capture_logs

from relay.config.settings import Login

SMUGGLING = [b"\r", b"\n", b"\0", b".", b"a", b"\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SMUGGLING), max_size=12), st.sets(st.integers(0, 11)))
def test_whatever_stands_around_the_dot_one_message_goes_in_and_at_most_one_comes_out(
    tokens: list[bytes], pauses: set[int]
) -> None:
    content = b"".join(tokens) + b"MAIL FROM:<evil@brand.example>\r\nRCPT TO:<x@c.example>\r\nDATA\r\n\r\n"
    assume(b"\r\n.\r\n" not in b"\r\n" + content)

    async def send() -> tuple[str, str, Notebook]:
        async with open_stage() as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            for number, token in enumerate(tokens):
                await talk.send(token)
                if number in pauses:
                    await asyncio.sleep(0.001)
            await talk.send(b"MAIL FROM:<evil@brand.example>\r\nRCPT TO:<x@c.example>\r\nDATA\r\n\r\n.\r\n")
            return await talk.reply(), await talk.say("NOOP"), stage.notebook

    reply, after, notebook = run(send())
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", content):
        assert reply.startswith("550 5.6.0 ")
        assert notebook.messages == []
    else:
        assert reply.startswith("250 ")
        assert [str(one) for one in notebook.messages] == ["a@brand.example -> b@c.example"]
    assert after == "250 2.0.0 OK"
    assert len(notebook.transactions) == 1


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_goes_away_after_the_dot_does_not_stop_its_message(loop: str) -> None:
    async def leave() -> int:
        released = asyncio.Event()
        async with open_stage(Notebook(pause=released.wait)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            await talk.send(b"hello\r\n.\r\n")
            await eventually(lambda: len(stage.notebook.messages) == 1)
            talk.writer.transport.abort()
            await asyncio.sleep(0.05)
            released.set()
            await eventually(lambda: stage.notebook.finished == 1)
        return stage.notebook.finished

    assert run(leave(), loop) == 1


def test_a_client_that_closes_its_side_after_the_dot_still_gets_its_reply() -> None:
    async def half_close() -> list[str]:
        async with open_stage(Notebook(pause=lambda: asyncio.sleep(0.05))) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            await talk.send(b"hello\r\n.\r\nQUIT\r\n")
            talk.writer.write_eof()
            return [await talk.reply(), await talk.reply()]

    taken, bye = run(half_close())
    assert taken.startswith("250 ")
    assert bye.startswith("221 ")


@pytest.mark.parametrize("part", [b"", b"hello", b"hello\r\n", b"hello\r\n.", b"hello\r\n.\r"])
def test_a_message_without_its_end_is_none(part: bytes) -> None:
    async def break_off() -> Notebook:
        async with open_stage() as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            await talk.send(part)
            talk.writer.write_eof()
            assert await talk.is_closed()
            return stage.notebook

    assert run(break_off()).messages == []


def test_a_journey_that_takes_too_long_ends_in_421_and_is_not_cancelled() -> None:
    async def wait() -> tuple[str, bool, int]:
        released = asyncio.Event()
        async with open_stage(Notebook(pause=released.wait), limits=quick(transaction=0.2)) as stage:
            talk = await stage.ready()
            reply = await talk.mail(b"hello\r\n.\r\n")
            closed = await talk.is_closed()
            released.set()
            await eventually(lambda: stage.notebook.finished == 1)
            return reply, closed, stage.notebook.finished

    assert run(wait()) == ("421 4.4.2 no outcome in time; try again later", True, 1)


def test_a_slow_journey_is_not_taken_for_an_idle_client() -> None:
    async def wait() -> str:
        async with open_stage(Notebook(pause=lambda: asyncio.sleep(0.4)), limits=quick(idle=0.1)) as stage:
            return await (await stage.ready()).mail(b"hello\r\n.\r\n")

    assert run(wait(), "even").startswith("250 ")


def test_slow_but_steady_data_is_heard_to_its_end() -> None:
    async def drip() -> str:
        async with open_stage(limits=quick(idle=0.2, data_rate=50)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            for _ in range(20):
                await talk.send(b"x" * 8)
                await asyncio.sleep(0.04)
            await talk.send(b"\r\n.\r\n")
            return await talk.reply()

    assert run(drip(), "even").startswith("250 ")


@pytest.mark.parametrize("limits", [{"idle": 0.2, "data_rate": 1000}, {"idle": 60, "data_time": 0.3}])
def test_data_that_drips_below_the_rate_or_beyond_the_time_is_cut_off(limits: dict[str, float]) -> None:
    async def drip() -> str:
        async with open_stage(limits=quick(**limits)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")

            async def send() -> None:
                while True:
                    await talk.send(b"x" * 8)
                    await asyncio.sleep(0.04)

            task = asyncio.create_task(send())
            reply = await talk.reply()
            task.cancel()
            return reply

    assert run(drip(), "even") == "421 4.4.2 the message came too slowly; closing"


def test_data_that_begins_fast_and_then_drips_is_cut_off_too() -> None:
    async def drip() -> tuple[str, float]:
        async with open_stage(limits=quick(idle=0.2, data_rate=1000)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            started = time.monotonic()
            for _ in range(5):
                await talk.send(b"x" * 100)
                await asyncio.sleep(0.05)
            return await talk.reply(), time.monotonic() - started

    reply, seconds = run(drip(), "even")
    assert reply == "421 4.4.2 the message came too slowly; closing"
    assert seconds > 0.35


def test_a_command_that_drips_is_idle() -> None:
    async def drip() -> str:
        async with open_stage(limits=quick(idle=0.2)) as stage:
            talk = await stage.ready()

            async def send() -> None:
                while True:
                    await talk.send(b"N")
                    await asyncio.sleep(0.04)

            task = asyncio.create_task(send())
            reply = await talk.reply()
            task.cancel()
            return reply

    assert run(drip(), "even").startswith("421 4.4.2 ")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_never_reads_is_given_up(loop: str) -> None:
    async def flood() -> None:
        limits = quick(idle=2, commands=10_000_000)  # enough for the greeting
        async with open_stage(limits=limits) as stage:
            talk = await stage.ready()
            talk.reader._transport.pause_reading()  # type: ignore[attr-defined]
            sending = asyncio.create_task(talk.send(b"HELP\r\n" * 500_000))
            await eventually(lambda: bool(stage.listeners._guests))
            await eventually(lambda: not stage.listeners._guests)
            sending.cancel()
            talk.writer.transport.abort()

    run(flood(), loop)


def test_twenty_thousand_recipients_are_refused_past_the_limit_and_the_rest_is_sent() -> None:
    async def send() -> tuple[int, int, int]:
        async with open_stage() as stage:
            talk = await stage.ready()
            await talk.say("MAIL FROM:<a@brand.example>")
            sending = asyncio.create_task(
                talk.send(b"".join(b"RCPT TO:<r%d@c.example>\r\n" % number for number in range(20_000)))
            )
            codes = [(await talk.reply())[:9] for _ in range(20_000)]
            await sending
            await talk.say("DATA")
            await talk.send(b".\r\n")
            await talk.reply()
            return codes.count("250 2.1.5"), codes.count("452 4.5.3"), len(stage.notebook.messages[0].recipients)

    assert run(send()) == (1000, 19_000, 1000)


def test_a_message_far_over_the_limit_is_not_heard_to_its_end() -> None:
    async def send() -> str:
        async with open_stage(limits=quick(message_size=1000, line_length=1000)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            sending = asyncio.create_task(talk.send(b"x" * 50_000_000))
            reply = await talk.reply()
            sending.cancel()
            talk.writer.transport.abort()
            return reply

    assert run(send()).startswith("552 5.3.4 ")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_ten_megabytes_never_hold_the_loop_for_long(loop: str) -> None:
    content = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 128_205

    async def send() -> tuple[str, float, int]:
        async with open_stage() as stage:
            talk = await stage.ready()
            longest = 0.0

            async def tick() -> None:
                nonlocal longest
                while True:
                    before = time.thread_time()  # other processes must not count
                    await asyncio.sleep(0)
                    longest = max(longest, time.thread_time() - before)

            ticking = asyncio.create_task(tick())
            reply = await talk.mail(content + b".\r\n")
            ticking.cancel()
            return reply, longest, len(stage.notebook.messages[0].content)

    with without_collector():
        reply, longest, size = run(send(), loop)
    assert reply.startswith("250 ")
    assert size == len(content)
    assert longest < 0.1


def test_an_error_of_the_journey_is_in_the_log_with_its_traceback_and_not_in_the_reply() -> None:
    async def fail() -> str:
        async with open_stage() as stage:
            return await (await stage.ready()).mail(b"break the journey\r\n.\r\n")

    with capture_logs() as log:
        reply = run(fail())
    assert reply == "451 4.3.0 something went wrong here, it was logged; try again later"
    (entry,) = [one for one in log if one["event"] == "journey-failed"]
    assert entry["exc_info"]
    assert entry["log_level"] == "error"
    assert entry["verb"] == "DATA"


def test_refusals_are_logged_without_what_the_client_sent() -> None:
    async def refuse() -> None:
        async with open_stage(listeners=[listener(tls="implicit")], clients=[LOCAL, MAUTIC]) as stage:
            talk = await stage.talk()
            await talk.encrypt()
            await talk.hello()
            await talk.say_all(
                "MAIL FROM:<a@brand.example>",
                "RCPT TO:<secret@@example.com>",
                "RSET",
                "AUTH PLAIN AG1hdXRpYwBzZWNyZXQ=",
                "AUTH PLAIN secret!",
            )

    with capture_logs() as log:
        run(refuse())
    refused = [one for one in log if one["event"] == "refused"]
    assert [one["verb"] for one in refused] == ["RCPT", "AUTH", "AUTH"]
    assert {one["client"] for one in refused} == {"local"}
    assert "secret" not in str(log)


def test_the_login_decides_over_the_network() -> None:
    async def send() -> list[tuple[str, str]]:
        where = listener(tls="implicit", login=Login.OPTIONAL)
        async with open_stage(listeners=[where], clients=[LOCAL, MAUTIC]) as stage:
            talk = await stage.talk()
            await talk.encrypt()
            await talk.hello()
            await talk.mail(b".\r\n")
            await talk.say("AUTH PLAIN AG1hdXRpYwBjb3JyZWN0IGhvcnNl")
            await talk.mail(b".\r\n")
            return [(one.tx.client.name, one.tx.connection.protocol) for one in stage.notebook.messages]

    assert run(send()) == [("local", "ESMTPS"), ("mautic", "ESMTPSA")]


def test_a_failed_login_is_answered_late() -> None:
    async def fail() -> float:
        where = listener(tls="implicit")
        async with open_stage(listeners=[where], clients=[MAUTIC], login_delay=0.3) as stage:
            talk = await stage.talk()
            await talk.encrypt()
            await talk.hello()
            started = time.monotonic()
            assert (await talk.say("AUTH PLAIN AG1hdXRpYwB3cm9uZw==")).startswith("535 ")
            return time.monotonic() - started

    assert run(fail()) >= 0.3


def test_parameters_and_connection_reach_the_journey() -> None:
    async def send() -> Notebook:
        async with open_stage() as stage:
            talk = await stage.ready()
            await talk.say_all(
                "MAIL FROM:<a@brand.example> SIZE=7 RET=HDRS ENVID=x",
                "RCPT TO:<b@c.example> NOTIFY=NEVER ORCPT=rfc822;B@c.example",
            )
            return stage.notebook

    notebook = run(send())
    (tx,) = notebook.transactions
    assert (tx.parameters.size, tx.parameters.ret, tx.parameters.envid) == (7, "HDRS", "x")
    assert (tx.connection.peer, tx.connection.helo, tx.connection.tls) == ("127.0.0.1", "client.example", "")
    assert (notebook.asked[0].notify, notebook.asked[0].orcpt) == (("NEVER",), "rfc822;B@c.example")
