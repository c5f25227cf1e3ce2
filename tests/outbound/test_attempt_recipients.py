"""One attempt for several recipients: each has a result of their own, in the order given."""

from __future__ import annotations

from faulty_hop import FaultyHop, reset, say
from mailing import CONTENT, Run, deliver, hop_at, mail_to, told

from relay.decision import Result
from relay.outbound.attempt import NextHops


def test_every_recipient_has_its_own_result_in_the_order_given(run: Run) -> None:
    async def scene() -> None:
        replies = [say("250 ok"), say("550 5.1.1 unknown"), say("250 ok"), say("451 4.2.2 full")]
        async with FaultyHop(rcpt=replies) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test", "c@x.test", "d@x.test"))
            assert told(attempts) == [
                ("delivered", "250 2.0.0"), ("refused", "550 5.1.1"), ("delivered", "250 2.0.0"), ("deferred", "451 4.2.2"),
            ]  # fmt: skip
            assert len(hop.messages) == 1

    run(scene())


def test_a_lost_answer_leaves_refused_recipients_refused_and_the_rest_unknown(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(rcpt=[say("250 ok"), say("550 5.1.1 unknown")], dot=reset) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test"))
            assert told(attempts) == [("unknown", "451 4.4.2"), ("refused", "550 5.1.1")]

    run(scene())


def test_when_all_recipients_are_refused_nothing_is_sent_even_if_the_hop_asks_for_it(run: Run) -> None:
    async def scene() -> None:
        replies = [say("550 5.1.1 unknown"), say("550 5.1.1 unknown"), say("250 ok")]
        async with FaultyHop(rcpt=replies) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            attempts = await hops.deliver(mail_to("a@x.test", "b@x.test"))
            assert told(attempts) == [("refused", "550 5.1.1")] * 2
            assert told(await hops.deliver(mail_to("c@x.test"))) == [("delivered", "250 2.0.0")]
            assert [(message.connection, message.content) for message in hop.messages] == [(2, CONTENT)]
            await hops.close()

    run(scene())


def test_a_hop_that_takes_few_recipients_a_time_gets_several_transactions(run: Run) -> None:
    async def scene() -> None:
        few = [say("250 ok"), say("250 ok"), say("452 4.5.3 too many"), say("452 4.5.3 too many"), say("452 4.5.3 too many"),
               say("250 ok"), say("250 ok"), say("452 4.5.3 too many"), say("250 ok")]  # fmt: skip
        async with FaultyHop(rcpt=few) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to(*(f"user{number}@x.test" for number in range(5))))
            assert told(attempts) == [("delivered", "250 2.0.0")] * 5
            taken = [line for message in hop.messages for line in message.commands if line.startswith(b"RCPT")]
            assert len(hop.messages) == 3
            assert len(taken) == 5 + 3 + 1

    run(scene())


def test_a_hop_that_takes_nobody_for_now_is_asked_once(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(rcpt=say("452 4.3.1 disk full"), data=say("554 5.5.1 no recipients")) as hop:
            assert (
                told(await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test")))
                == [("deferred", "452 4.3.1")] * 2
            )
            assert len([line for line in hop.commands if line.startswith(b"MAIL")]) == 1

    run(scene())


def test_a_thousand_recipients_are_pipelined_without_a_deadlock(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to(*(f"user{number}@x.test" for number in range(1000))))
            assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
            assert len(hop.messages[0].commands) == 1001

    run(scene())


def test_no_recipients_no_attempts(run: Run) -> None:
    async def scene() -> None:
        hops = NextHops([hop_at(1)], "relay.test")
        mail = mail_to()
        assert await hops.deliver(type(mail)(mail.sender, mail.parameters, (), mail.content)) == ()

    run(scene())
