"""Smuggling and stuffing: whatever the division into chunks, one message comes out, or none."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.inbound import replies
from relay.inbound.data import DataParser, count_received, header_of
from relay.message.index import index
from relay.reply import Reply

#: What smuggling is made of: every mix of the octets around a dot, and whole line ends so that messages end.
TOKENS = [b"\r", b"\n", b"\0", b".", b"a", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"]


def parser(**more: int) -> DataParser:
    return DataParser(**{"size_limit": 10_000, "line_limit": 1000, "received_limit": 50, **more})


def parse(stream: bytes, cuts: list[int], **more: int) -> tuple[bytes | Reply, bytes] | None:
    """The result and what is left of the stream; None when no end was found."""
    one = parser(**more)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        rest = one.feed(stream[start:end])
        if rest is not None:
            return one.result(), rest + stream[edges[number + 1] :]
    return None


def naive(stream: bytes) -> tuple[bytes | Reply, bytes] | None:
    """The definition, line by line, for whole streams."""
    before, end, rest = (b"\r\n" + stream).partition(b"\r\n.\r\n")
    if not end:
        return None
    body = (before + b"\r\n")[2:]
    if b"\0" in body or re.search(rb"\r(?!\n)|(?<!\r)\n", body):
        return replies.BARE_CR_LF, rest
    lines = body.split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines), rest


@settings(max_examples=400)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(b"".join), st.lists(st.integers(0, 60), max_size=10))
def test_every_mix_of_cr_lf_nul_and_dots_reads_as_the_definition_says_at_all_chunk_boundaries(
    stream: bytes, cuts: list[int]
) -> None:
    assert parse(stream, cuts) == naive(stream)


@given(st.lists(st.binary(max_size=40).filter(lambda line: not re.search(rb"[\r\n\0]", line)), max_size=20))
def test_what_a_sender_stuffs_comes_out_unchanged(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    assert parse(stuffed + b".\r\nQUIT\r\n", [3, 7, 11]) == (content, b"QUIT\r\n")


@pytest.mark.parametrize(
    "dot",
    [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n"],
)
def test_no_other_dot_ends_a_message_and_one_that_has_it_is_refused(dot: bytes) -> None:
    stream = b"Subject: x\r\n\r\nhello" + dot + b"MAIL FROM:<smuggled@example.com>\r\nmore\r\n.\r\n"
    for cut in range(len(stream)):
        assert parse(stream, [cut]) == (replies.BARE_CR_LF, b"")


def test_an_empty_message_is_a_message() -> None:
    assert parse(b".\r\n", [1]) == (b"", b"")


def test_size_counts_content_without_stuffing_and_without_the_last_dot() -> None:
    line = b".." + b"x" * 7 + b"\r\n"  # 10 octets after unstuffing
    assert parse(line * 10 + b".\r\n", [], size_limit=100) == (line[1:] * 10, b"")
    assert parse(line * 10 + b".\r\n", [], size_limit=99) == (replies.TOO_LARGE, b"")


def test_a_message_over_the_limit_is_heard_to_its_end_and_then_refused() -> None:
    assert parse(b"x" * 500 + b"\r\n.\r\nQUIT", list(range(500)), size_limit=100) == (replies.TOO_LARGE, b"QUIT")


def test_memory_stays_bounded_and_a_flood_becomes_hopeless() -> None:
    one = parser(size_limit=1_000_000, line_limit=100)
    for _ in range(40):
        assert one.feed(b"x" * 98 * 1000 + b"\r\n") is None
    assert one.is_hopeless
    assert one._pieces == []


@pytest.mark.parametrize("cuts", [[], [1], [999, 1000, 1001], list(range(0, 4000, 7))])
def test_a_line_at_the_limit_passes_and_one_over_it_is_refused(cuts: list[int]) -> None:
    def result(length: int) -> bytes | Reply:
        found = parse(b"short\r\n" + b"x" * length + b"\r\nshort\r\n.\r\n", cuts, line_limit=1000)
        assert found is not None
        return found[0]

    assert isinstance(result(1000), bytes)
    assert result(1001) == replies.DATA_LINE_TOO_LONG


def test_more_than_the_allowed_received_fields_are_a_loop() -> None:
    field = b"RECEIVED: from a\r\n by b\r\n"
    assert isinstance(parse(field * 50 + b"\r\n.\r\n", [])[0], bytes)
    assert parse(field * 51 + b"\r\n.\r\n", [])[0] == replies.LOOP


def test_only_the_header_counts_for_a_loop() -> None:
    body = b"Received: from a\r\n" * 60
    assert header_of(b"Subject: x\r\n\r\n" + body) == b"Subject: x"
    assert header_of(b"\r\n" + body) == b""
    assert count_received(b"Received: x\r\nX-Received: y\r\nreceived: z\r\n\r\n") == 2


@pytest.mark.parametrize(
    ("stream", "is_taken"),
    [
        (b"To: " + b"a@b.example,\r\n " * 4_990 + b"c@d.example\r\n\r\nbody\r\n", True),
        (b"X: y\r\n" * 5_002 + b"\r\nbody\r\n", False),
        ((b"X: " + b"y" * 900 + b"\r\n") * 300 + b"\r\nbody\r\n", False),
        ((b"X: " + b"y" * 900 + b"\r\n") * 300, False),  # no end at all
    ],
)
def test_a_header_has_a_bound_that_no_mailer_reaches(stream: bytes, *, is_taken: bool) -> None:
    assert parse(stream + b".\r\n", [], size_limit=1_000_000) == (stream if is_taken else replies.HEADER_TOO_LARGE, b"")


@pytest.mark.parametrize("header", [b"X: y\r\n" * 5_000, (b"X: " + b"y" * 900 + b"\r\n") * 289])
def test_whatever_header_is_let_in_is_read_to_its_end_with_room_for_what_we_add(header: bytes) -> None:
    content = header + b"\r\nbody\r\n"
    assert parse(content + b".\r\n", [], size_limit=1_000_000) == (content, b"")
    assert index(b"X-Ours: y\r\n" * 100 + content).head.trouble == ""


def test_ten_megabytes_take_well_under_a_tenth_of_a_second() -> None:
    stream = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 128_205 + b".\r\n"
    best = 1.0
    for _ in range(3):
        one = parser(size_limit=50_000_000, line_limit=65_536)
        started = time.process_time()
        for position in range(0, len(stream), 65_536):
            one.feed(stream[position : position + 65_536])
        content = one.result()
        best = min(best, time.process_time() - started)
        assert content == stream[:-3]
    assert best < 0.1
