"""What arrives at the next hop is octet for octet what was given, and as many messages as were sent."""

from __future__ import annotations

import asyncio

import pytest
from faulty_hop import FaultyHop, Session, read_to_dot
from hypothesis import given, settings
from hypothesis import strategies as st
from mailing import CONTENT, PIPELINED, STEP_BY_STEP, Run, hop_at, mail_to, told

from relay.decision import Result
from relay.outbound.attempt import NextHops


@pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP, ()], ids=["pipelined", "step by step", "none"])
def test_what_arrives_is_octet_for_octet_what_was_given(run: Run, extensions: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=extensions) as hop:
            contents = [CONTENT, b".\r\n", b".\r\n.\r\n..\r\n", b"a\r\n" * 50_000, b"." * 70_000 + b"\r\n", b"\r\n"]
            hops = NextHops([hop_at(hop)], "relay.test")
            for content in contents:
                assert told(await hops.deliver(mail_to(content=content))) == [("delivered", "250 2.0.0")]
            assert [message.content for message in hop.messages] == contents
            assert len(hop.sessions) == 1
            await hops.close()

    run(scene())


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"\0", b"MAIL FROM:<x@y.test>", b"a"])), max_size=6)
)
def test_whatever_the_content_as_many_messages_arrive_as_were_accepted_for_sending(contents: list[list[bytes]]) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            sent = []
            for pieces in contents:
                content = b"".join(pieces)
                (attempt,) = await hops.deliver(mail_to(content=content))
                if attempt.result is Result.DELIVERED:
                    sent.append(content)
                else:
                    assert told((attempt,)) == [("refused", "550 5.6.0")]
                without_line_ends = content.replace(b"\r\n", b"")
                is_clean = not any(octet in without_line_ends for octet in (b"\r", b"\n", b"\0"))
                assert is_clean == (attempt.result is Result.DELIVERED)
            expected = [content if not content or content.endswith(b"\r\n") else content + b"\r\n" for content in sent]
            assert [message.content for message in hop.messages] == expected
            await hops.close()

    asyncio.run(scene())


def test_reading_to_the_dot_in_the_test_hop_sees_a_smuggled_end() -> None:
    async def scene() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"a\r\n..b\r\n.\r\nMAIL FROM:<x@y.test>\r\n")
        assert await read_to_dot(Session(None, reader, None, 1)) == b"a\r\n.b\r\n"  # type: ignore[arg-type]

    asyncio.run(scene())
