"""Which next hop a recipient goes to, and what is told of whether it is well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faulty_hop import Action, FaultyHop, close, reset, say, then_close
from mailing import Run, deliver, hop_at, mail_to, told

from relay.address import address_from_text
from relay.decision import Result
from relay.outbound.attempt import NextHops, Route
from relay.reply import Reply


def test_recipients_of_a_routed_domain_go_to_its_hop_and_the_rest_to_the_default(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as default, FaultyHop() as routed:
            hops = (hop_at(default), hop_at(routed, domains=("x.test", "xn--bcher-kva.example")))
            recipients = ("a@x.test", "b@y.test", "c@X.test", "d@bücher.example", "e@sub.x.test")
            attempts = await deliver(*hops, mail=mail_to(*recipients))
            here, there = f"127.0.0.1:{default.port}", f"127.0.0.1:{routed.port}"
            assert [attempt.next_hop for attempt in attempts] == [there, here, there, there, here]
            assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
            assert routed.messages[0].commands[1:] == [
                b"RCPT TO:<a@x.test>\r\n", b"RCPT TO:<c@x.test>\r\n", b"RCPT TO:<d@xn--bcher-kva.example>\r\n",
            ]  # fmt: skip
            assert default.messages[0].commands[1:] == [b"RCPT TO:<b@y.test>\r\n", b"RCPT TO:<e@sub.x.test>\r\n"]

    run(scene())


def test_a_routed_domain_never_falls_back_to_the_default_hop(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as default, FaultyHop(connect=reset) as routed:
            (attempt,) = await deliver(hop_at(default), hop_at(routed, domains=("x.test",)), mail=mail_to("a@x.test"))
            assert attempt.result is Result.DEFERRED
            assert default.sessions == []

    run(scene())


def test_a_domain_without_any_next_hop_is_deferred(run: Run) -> None:
    async def scene() -> None:
        (attempt,) = await deliver(hop_at(1, domains=("x.test",)), mail=mail_to("a@y.test"))
        assert told((attempt,)) == [("deferred", "451 4.4.4")]
        assert attempt.next_hop == ""

    run(scene())


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        ({}, [True]),
        ({"mail": say("451 4.3.0 not now")}, [True]),
        ({"rcpt": say("550 5.1.1 nobody")}, [True]),
        ({"connect": reset}, [False]),
        ({"ehlo": say("554 5.7.1 go away")}, [False]),
        ({"data": then_close("421 4.3.2 going down")}, [False]),
        ({"dot": close}, [False]),
    ],
)
def test_the_end_of_an_attempt_tells_whether_the_next_hop_is_well(
    run: Run, script: dict[str, Action], heard: list[bool]
) -> None:
    """Whatever it answers about a message, it is there; without an answer, asking on makes nothing but duplicates."""

    async def scene() -> None:
        async with FaultyHop(**script) as hop:
            found: list[tuple[str, bool]] = []
            hops = NextHops([hop_at(hop)], "relay.example", heard=lambda *what: found.append(what))
            await hops.deliver(mail_to("ann@example.org"))
            await hops.close()
            assert found == [(f"127.0.0.1:{hop.port}", one) for one in heard]

    run(scene())


def test_a_route_is_well_as_long_as_one_of_its_next_hops_is(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=reset) as broken, FaultyHop() as sound:
            found: list[tuple[str, bool]] = []
            hops = NextHops([hop_at(broken), hop_at(sound)], "relay.example", heard=lambda *what: found.append(what))
            await hops.deliver(mail_to("ann@example.org"))
            await hops.close()
            assert found == [(f"127.0.0.1:{broken.port}, 127.0.0.1:{sound.port}", True)]

    run(scene())


def test_what_is_withheld_or_finds_all_connections_busy_says_nothing_of_the_next_hop(run: Run) -> None:
    async def scene() -> None:
        found: list[tuple[str, bool]] = []

        async def objects() -> Reply:
            return Reply(550, "5.7.1", "withdrawn")

        async with FaultyHop() as hop:
            one = replace(hop_at(hop), connections=1)
            hops = NextHops([one], "relay.example", budget=0.2, heard=lambda *what: found.append(what))
            (withheld,) = await hops.deliver(mail_to("ann@example.org", last_look=objects))
            assert withheld.result is Result.WITHHELD
            await hops._pools[0]._free.acquire()  # somebody else has the only connection, for long
            (attempt,) = await hops.deliver(mail_to("ben@example.org"))
            assert attempt.reply.enhanced == "4.4.5"
            await hops.close()
        assert found == []

    run(scene())


def test_routes_are_named_by_their_next_hops_and_the_one_for_all_others_is_the_last(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop, FaultyHop() as other:
            special = replace(hop_at(other), domains=("a.example", "b.example"), connections=3)
            hops = NextHops([special, hop_at(hop)], "relay.example")
            assert hops.routes == (
                Route(f"127.0.0.1:{other.port}", frozenset({"a.example", "b.example"}), 3),
                Route(f"127.0.0.1:{hop.port}", frozenset(), 20),
            )
            assert hops.route_of(address_from_text("hanako@b.example")) == f"127.0.0.1:{other.port}"
            assert hops.route_of(address_from_text("hanako@sub.b.example")) == f"127.0.0.1:{hop.port}"
            assert NextHops([special], "relay.example").routes[-1] == Route("", frozenset(), 1)

    run(scene())
