from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from relay.message.index import MAX_DEPTH, MAX_PARTS, Part, index, parts_of, unfolded


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def multipart(boundary: str, *parts: str, kind: str = "mixed") -> str:
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{body}--{boundary}--\n'


def tree(part: Part) -> object:
    return (part.kind.kind, [tree(child) for child in part.children]) if part.children else part.kind.kind


def test_fields_cover_the_header_block_byte_for_byte() -> None:
    content = lines("From: a@b.example\nSubject: one\n two\n\nbody\n")
    message = index(content)
    assert [field.name for field in message.head.fields] == ["from", "subject"]
    assert b"".join(content[one.start : one.end] for one in message.head.fields) == content[: message.head.end]
    assert unfolded(content, message.head.fields[1]) == b"one two"
    assert content[message.head.body :] == b"body\r\n"


def test_a_message_may_have_no_header_and_no_body() -> None:
    assert index(b"\r\nbody").head.has_empty_line
    assert not index(b"Subject: x\r\n").head.has_empty_line
    assert index(b"").head.body == 0


def test_the_header_ends_where_a_line_is_no_field() -> None:
    message = index(lines("Subject: x\nno field\n\nbody\n"))
    assert not message.head.has_empty_line
    assert message.content[message.head.body :].startswith(b"no field")


def test_an_mbox_line_stays_above_the_place_for_new_fields() -> None:
    message = index(lines("From a@b.example Sat Jun  1 00:00:00 2024\nSubject: x\n\n"))
    assert message.content[message.top :].startswith(b"Subject")


def test_a_bare_cr_or_lf_ends_no_line() -> None:
    assert len(index(b"Subject: x\nBcc: y\rTo: z\r\n\r\n").head.fields) == 1


def test_parts_stand_between_their_delimiters_without_the_line_end_before_those() -> None:
    content = lines(multipart("b", "Content-Type: text/html\n\none", "\ntwo\n"))
    root = parts_of(index(content))
    assert [content[one.body : one.end] for one in root.children] == [b"one", b"two\r\n"]
    assert root.closed


def test_delimiters_next_to_each_other_share_a_line_end() -> None:
    root = parts_of(index(lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nx\n--b--\n")))
    assert len(root.children) == 2
    assert root.children[0].end == root.children[0].body


def test_a_longer_boundary_that_begins_the_same_is_another_one() -> None:
    inner = multipart("b-1", "\none", kind="alternative")
    root = parts_of(index(lines(multipart("b", inner, "\ntwo"))))
    assert tree(root) == ("multipart/mixed", [("multipart/alternative", ["text/plain"]), "text/plain"])


def test_an_unclosed_part_ends_at_the_delimiter_around_it() -> None:
    inner = multipart("i", "\none").removesuffix("--i--\n")
    root = parts_of(index(lines(multipart("o", inner, "\ntwo"))))
    assert len(root.children) == 2
    assert not root.children[0].closed


def test_forwarded_messages_are_not_opened() -> None:
    root = parts_of(index(lines(multipart("b", "Content-Type: message/rfc822\n\n" + multipart("c", "\nx")))))
    assert tree(root) == ("multipart/mixed", ["message/rfc822"])


def test_structure_without_a_sound_description_is_trouble() -> None:
    assert parts_of(index(lines("Content-Type: multipart/mixed\n\nx\n"))).trouble
    assert parts_of(index(lines("Content-Type: multipart/mixed; boundary=b\n\nx\n"))).trouble
    assert parts_of(index(lines("Content-Type: text/plain\nContent-Type: text/html\n\nx\n"))).trouble


def test_depth_and_number_of_parts_are_bounded() -> None:
    nested = "\nx"
    for level in range(MAX_DEPTH + 50):
        nested = multipart(f"b{level}", nested)
    part = parts_of(index(lines(nested)))
    while part.children:
        part = part.children[0]
    assert "deep" in part.trouble
    many = parts_of(index(lines(multipart("b", *["\nx"] * (MAX_PARTS + 1)))))
    assert "too many" in many.trouble


def test_hostile_structures_take_little_time() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(500))
    hostile = [
        deep + b"x" * 5_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 1_000_000,
        b"Subject: x" + b"\r\n " * 1_000_000 + b"\r\n\r\n",
        b"X: y\r\n" * 20_000 + b"\r\n",
        b"Content-Type: text/plain" + b"; x" * 300_000 + b"\r\n\r\n",
        b"Content-Type: text/plain; a=" + b'"' * 300_000 + b"\r\n\r\n",
    ]
    for content in hostile:
        started = time.process_time()
        parts_of(index(content))
        assert time.process_time() - started < 1.0


@given(st.binary(max_size=500))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    message = index(content)
    parts_of(message)
    assert message.top <= message.head.start <= message.head.end <= message.head.body <= len(content)


_PIECES = [
    b"\r\n", b"--b", b"--", b"--c--", b"Content-Type: multipart/mixed; boundary=b\r\n", b" ", b"x", b"\r", b"\n", b"From ",
    b"Content-Type: multipart/alternative; boundary=c\r\n", b"Content-Disposition: inline\r\n", b":", b"\t", b'"',
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map(b"".join))
def test_every_part_lies_inside_the_one_around_it(content: bytes) -> None:
    def check(part: Part) -> None:
        assert part.head.start <= part.head.end <= part.body
        assert part.body <= max(part.end, part.head.start)
        position = part.body
        for child in part.children:
            assert position <= child.head.start
            position = child.end
            check(child)
        assert position <= max(part.end, part.body)

    check(parts_of(index(content)))
