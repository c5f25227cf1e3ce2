"""Connections that are kept: used again, found dead in time, limited in number, closed politely."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from faulty_hop import Action, FaultyHop, GoneError, Session, close, reset, say, stall, then_close
from mailing import PATIENCE, PIPELINED, SHORT, STEP_BY_STEP, Run, deliver, hop_at, mail_to, told, without

from relay.config.settings import Timeouts
from relay.decision import Result
from relay.outbound.attempt import NextHops
from relay.reply import Reply

LONG = timedelta(seconds=PATIENCE)


def test_one_connection_serves_message_after_message(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            for _ in range(20):
                assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert len(hop.sessions) == 1
            assert len([command for command in hop.commands if command.startswith(b"EHLO")]) == 1
            await hops.close()

    run(scene())


@pytest.mark.parametrize("end", [then_close("250 2.0.0 ok, bye"), "reset later", "421 later"])
def test_a_kept_connection_found_dead_is_replaced_and_nobody_notices(run: Run, end: Action | str) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=[end, say("250 2.0.0 ok")] if callable(end) else []) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            session = hop.sessions[0]
            if end == "reset later":
                with pytest.raises(GoneError):
                    await reset(session)
            elif end == "421 later":
                session.say(b"421 4.4.2 idle too long\r\n")
                session.writer.close()
            await asyncio.sleep(0.05)
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


@pytest.mark.parametrize("death", [reset, close, then_close("421 4.4.2 idle too long")])
def test_a_kept_connection_that_dies_at_mail_is_replaced_once(run: Run, death: Action) -> None:
    async def scene() -> None:
        async with FaultyHop(mail=[say("250 ok"), death, say("250 ok")]) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            for _ in range(2):
                assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()
        async with FaultyHop(mail=[say("250 ok"), death]) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            await hops.deliver(mail_to())
            (attempt,) = await hops.deliver(mail_to())
            assert attempt.result is Result.DEFERRED
            assert len(hop.sessions) == 2, "a fresh connection that dies too is not tried over and over"
            await hops.close()

    run(scene())


def test_all_kept_connections_are_given_up_when_one_was_dead(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(mail=[say("250 ok"), say("250 ok"), say("250 ok"), reset, say("250 ok")]) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            await asyncio.gather(*(hops.deliver(mail_to()) for _ in range(3)))
            assert len(hop.sessions) == 3
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert hop.messages[-1].connection == 4
            await asyncio.sleep(0.05)
            assert hop.open == 1
            await hops.close()

    run(scene())


def test_a_kept_connection_that_dies_after_mail_was_accepted_is_reported(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(rcpt=[say("250 ok"), close, say("250 ok")], extensions=STEP_BY_STEP) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            results = [(await hops.deliver(mail_to()))[0].result for _ in range(3)]
            assert results == [Result.DELIVERED, Result.DEFERRED, Result.DELIVERED]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


def test_a_kept_connection_that_says_something_unasked_is_not_used(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            await hops.deliver(mail_to())
            hop.sessions[0].say(b"250 2.0.0 one reply too many\r\n")
            await asyncio.sleep(0.05)
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


def test_a_reply_too_many_after_the_dot_never_answers_for_the_next_message(run: Run) -> None:
    async def scene() -> None:
        twice = say(b"250 2.0.0 ok\r\n250 2.0.0 ok\r\n")
        async with FaultyHop(dot=[twice, say("550 5.7.1 no")]) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert told(await hops.deliver(mail_to())) == [("refused", "550 5.7.1")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


def test_there_are_never_more_connections_than_configured(run: Run) -> None:
    async def scene() -> None:
        async def slow(session: Session) -> None:
            await asyncio.sleep(0.02)
            session.say(b"250 2.0.0 ok\r\n")

        async with FaultyHop(dot=slow) as hop:
            hops = NextHops([hop_at(hop, connections=3)], "relay.test")
            attempts = await asyncio.gather(*(hops.deliver(mail_to()) for _ in range(15)))
            assert {attempt.result for (attempt,) in attempts} == {Result.DELIVERED}
            assert hop.most_open == 3
            await hops.close()

    run(scene())


def test_waiting_for_a_free_connection_ends_with_the_budget(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=stall) as hop:
            hops = NextHops([hop_at(hop, connections=1)], "relay.test", budget=SHORT)
            first, second = await asyncio.gather(hops.deliver(mail_to()), hops.deliver(mail_to()))
            assert told(first) == [("unknown", "451 4.4.2")]
            assert second[0].result is Result.DEFERRED
            assert len(hop.messages) == 1
            await hops.close()

    run(scene())


def test_idle_connections_are_closed_with_quit(run_evenly: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            short = Timeouts(LONG, LONG, LONG, idle=timedelta(seconds=0.5))
            hops = NextHops([hop_at(hop, timeouts=short)], "relay.test")
            await asyncio.gather(hops.deliver(mail_to()), hops.deliver(mail_to()))
            assert hop.open == 2
            await asyncio.sleep(1.5)
            assert hop.open == 0
            assert hop.commands.count(b"QUIT\r\n") == 2
            await hops.close()

    run_evenly(scene())


def test_with_idle_zero_every_message_has_its_own_connection(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop, timeouts=Timeouts(LONG, LONG, LONG, idle=timedelta()))], "relay.test")
            for _ in range(2):
                await hops.deliver(mail_to())
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


def test_close_says_quit_on_idle_connections_and_lets_transactions_end(run: Run) -> None:
    async def scene() -> None:
        async def slow(session: Session) -> None:
            await asyncio.sleep(0.2)
            session.say(b"250 2.0.0 ok\r\n")

        async with FaultyHop(dot=[say("250 2.0.0 ok"), slow]) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            await hops.deliver(mail_to())
            under_way = asyncio.create_task(hops.deliver(mail_to()))
            await asyncio.sleep(0.1)
            await hops.close()
            assert told(await under_way) == [("delivered", "250 2.0.0")]
            await asyncio.sleep(0.05)
            assert hop.open == 0
            assert hop.commands[-1] == b"QUIT\r\n"

    run(scene())


def test_a_cancelled_attempt_gives_its_connection_and_its_place_back(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=[stall, say("250 2.0.0 ok")]) as hop:
            hops = NextHops([hop_at(hop, connections=1)], "relay.test")
            task = asyncio.create_task(hops.deliver(mail_to()))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


def test_a_hop_that_comes_back_is_used_again(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=[reset, say("220 back")]) as hop:
            assert told(await deliver(hop_at(hop)))[0][0] == "deferred"
            assert told(await deliver(hop_at(hop)))[0][0] == "delivered"

    run(scene())


def test_a_mail_that_must_not_be_sent_any_more_is_not_mentioned_to_the_next_hop(run: Run) -> None:
    """Asked once a connection is there, not before the wait for one."""

    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            looks: list[int] = []

            async def last_look() -> Reply | None:
                looks.append(len(hop.sessions))
                return Reply(550, "5.7.1", "withdrawn") if len(looks) > 1 else None

            for result in (("delivered", "250 2.0.0"), ("withheld", "550 5.7.1")):
                assert told(await hops.deliver(mail_to(last_look=last_look))) == [result]
            assert looks == [1, 1]
            assert len(hop.messages) == 1
            assert len([command for command in hop.commands if command.startswith(b"MAIL")]) == 1
            await hops.close()

    run(scene())


@pytest.mark.parametrize("offers", [True, False])
def test_whoever_asked_for_a_receipt_is_told_apart_where_the_next_hop_sends_none(run: Run, *, offers: bool) -> None:
    async def scene() -> None:
        extensions = PIPELINED if offers else without("DSN")
        script = [say("250 ok"), say("250 ok"), say("550 5.1.1 no"), say("250 ok")]
        async with FaultyHop(extensions=extensions, rcpt=script) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            asked = [("SUCCESS",), (), ("SUCCESS",), ("FAILURE", "SUCCESS")]
            mail = mail_to("a@b.example", "c@b.example", "d@b.example", "e@b.example")
            recipients = tuple(replace(one, notify=notify) for one, notify in zip(mail.recipients, asked, strict=True))
            attempts = await hops.deliver(replace(mail, recipients=recipients))
            assert [one.silent for one in attempts] == [not offers, False, False, not offers]
            await hops.close()

    run(scene())
