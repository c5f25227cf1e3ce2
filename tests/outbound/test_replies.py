"""What a next hop may answer, and what of it is passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.outbound.replies import MAX_LINE, MAX_REPLY, GarbageError, HopReply, next_reply


def reply_of(text: bytes) -> HopReply:
    found = next_reply(bytearray(text))
    assert found is not None
    assert found[1] == len(text)
    return found[0]


def test_a_reply_of_one_line() -> None:
    assert reply_of(b"250 2.0.0 ok\r\n") == HopReply(250, (b"2.0.0 ok",))


def test_a_reply_of_several_lines_is_one_reply() -> None:
    assert reply_of(b"250-hop.test\r\n250-PIPELINING\r\n250 SIZE 1\r\n").lines == (
        b"hop.test",
        b"PIPELINING",
        b"SIZE 1",
    )


def test_a_reply_may_have_no_words() -> None:
    assert reply_of(b"250\r\n") == HopReply(250, (b"",))
    assert reply_of(b"354 \r\n") == HopReply(354, (b"",))
    assert reply_of(b"250-\r\n250\r\n").lines == (b"", b"")


def test_lines_that_end_in_a_line_feed_alone_are_understood() -> None:
    assert reply_of(b"250-a\n250 b\n").lines == (b"a", b"b")


@pytest.mark.parametrize("part", [b"", b"2", b"250", b"250 ok", b"250 ok\r", b"250-a\r\n", b"250-a\r\n250 b", b"\r"])
def test_an_incomplete_reply_is_waited_for(part: bytes) -> None:
    assert next_reply(bytearray(part)) is None


def test_replies_that_came_at_once_are_read_one_after_the_other() -> None:
    buffer = bytearray(b"250 a\r\n550-b\r\n550 c\r\n354 d\r\n")
    first = next_reply(buffer)
    assert first is not None
    second = next_reply(buffer, first[1])
    assert second is not None
    third = next_reply(buffer, second[1])
    assert third is not None
    assert (first[0].code, second[0].code, third[0].code, third[1]) == (250, 550, 354, len(buffer))


@pytest.mark.parametrize(
    "garbage",
    [b"hello\r\n", b"\r\n", b"199 x\r\n", b"600 x\r\n", b"2500 x\r\n", b"25 x\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"250-a\r\n550 b\r\n",
     b"250-a\r\nhello\r\n", b"\0\0\0\n", b"+OK\r\n", b"250_ok\r\n", b"x" * MAX_LINE],
)  # fmt: skip
def test_garbage_is_told_from_a_reply_still_coming(garbage: bytes) -> None:
    with pytest.raises(GarbageError):
        next_reply(bytearray(garbage))


def test_a_reply_without_end_is_given_up() -> None:
    with pytest.raises(GarbageError, match="without end"):
        next_reply(bytearray(b"250-" + b"x" * 100 + b"\r\n") * (MAX_REPLY // 100))


@given(st.binary(max_size=200))
def test_no_bytes_from_outside_do_more_than_raise_garbage(data: bytes) -> None:
    try:
        found = next_reply(bytearray(data))
    except GarbageError:
        return
    if found:
        reply = found[0].passed_on() if found[0].code // 100 != 3 else found[0].passed_on(451)
        assert reply.wire.count(b"\n") == 1


@pytest.mark.parametrize(
    ("text", "passed_on"),
    [
        (b"550 5.1.1 no such user\r\n", "550 5.1.1 no such user"),
        (b"550 no such user\r\n", "550 5.0.0 no such user"),
        (b"550 4.1.1 classes differ\r\n", "550 5.0.0 classes differ"),
        (b"451 4.7.1 greylisted\r\n", "451 4.7.1 greylisted"),
        (b"421 4.3.2 going down\r\n", "451 4.3.2 going down"),
        (b"250 2.0.0 Ok: queued as 4XyZ\r\n", "250 2.0.0 Ok: queued as 4XyZ"),
        (b"550-5.7.26 first line\r\n550 5.7.26 second line\r\n", "550 5.7.26 first line 5.7.26 second line"),
        (b"550 5.1.1 <user@example.com>: unknown\r\n", "550 5.1.1 <(address)>: unknown"),
        (b"550 5.1.1 caf\xc3\xa9 \x1b[31m \x00 \xff\r\n", "550 5.1.1 caf? ?[31m ? ?"),
        (b"550 5.1.1\r\n", "550 5.1.1 no words from the next hop"),
        (b"554\r\n", "554 5.0.0 no words from the next hop"),
        (b"550 5.1.1 a\rb\r\n", "550 5.1.1 a b"),
    ],
)
def test_class_and_enhanced_code_pass_and_words_are_made_safe(text: bytes, passed_on: str) -> None:
    assert str(reply_of(text).passed_on()) == passed_on


def test_long_words_are_capped() -> None:
    assert len(reply_of(b"550 5.1.1 " + b"x" * 3000 + b"\r\n").passed_on().wire) < 512


def test_a_code_of_ours_may_stand_in_for_the_next_hops() -> None:
    assert str(reply_of(b"535 5.7.8 bad login\r\n").passed_on(451, "4.7.0")) == "451 4.7.0 bad login"
