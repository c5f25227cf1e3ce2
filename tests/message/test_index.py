from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import shape_of

from relay.message.index import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_PARTS,
    Part,
    index,
    parts_of,
    read_head,
    spans,
    unfolded,
)


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


def test_the_same_boundary_twice_belongs_to_the_multipart_outside() -> None:
    root = parts_of(index(lines(multipart("b", multipart("b", "\none"), "\ntwo"))))
    assert [child.trouble for child in root.children] == ["a multipart without parts", ""]
    assert root.closed


def test_a_boundary_may_end_in_hyphens() -> None:
    root = parts_of(index(lines(multipart("b--", "\none", "\ntwo"))))
    assert len(root.children) == 2
    inside = parts_of(index(lines(multipart("b", multipart("b--", "\none"), "\ntwo"))))
    assert (len(inside.children), inside.closed) == (1, True)  # "--b--" ends the one outside


def test_a_boundary_with_a_colon_is_no_header_field() -> None:
    root = parts_of(index(lines(multipart("b:c", "X: y\n--b:c\nZ: a\n", "\ntwo"))))
    assert [[field.name for field in child.head.fields] for child in root.children] == [["x"], ["z"], []]


def test_a_delimiter_ends_a_header_block_and_has_the_line_end_before_it() -> None:
    content = lines(multipart("b", "X: y", "\ntwo"))
    child = parts_of(index(content)).children[0]
    assert child.head.fields[0].end == child.head.end == child.end
    assert content[child.head.start : child.end] == b"X: y"
    assert not child.head.has_empty_line


def test_a_boundary_with_octets_that_no_boundary_has_is_trouble() -> None:
    assert parts_of(index(b'Content-Type: multipart/mixed; boundary="b\nc"\r\n\r\n--b\nc\r\n')).trouble


def test_parts_know_their_delimiter_lines() -> None:
    content = lines(multipart("o", multipart("i", "\none"), "\ntwo"))
    root = parts_of(index(content))
    first, second = root.children
    assert root.opening == (0, 0)
    assert content[slice(*first.opening)] == b"--o\r\n"
    assert content[slice(*second.opening)] == b"\r\n--o\r\n"
    assert content[slice(*first.closing)] == b"\r\n--i--\r\n"
    assert content[slice(*root.closing)] == b"\r\n--o--\r\n"
    assert second.closing == (second.end, second.end)


def test_a_line_end_between_two_delimiters_is_the_seconds() -> None:
    content = lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nx\n--b--\n")
    root = parts_of(index(content))
    assert [content[slice(*child.opening)] for child in root.children] == [b"--b", b"\r\n--b\r\n"]


def test_the_delimiter_outside_has_the_line_end_after_the_last_one_inside() -> None:
    inner = multipart("i", "\none").removesuffix("\n")
    content = lines(multipart("o", inner, "\ntwo"))
    first = parts_of(index(content)).children[0]
    assert content[slice(*first.closing)] == b"\r\n--i--"
    assert first.closing[1] == first.end


def test_pieces_of_a_message_have_names() -> None:
    content = b"From x\r\n" + lines("Subject: x\n" + multipart("b", "\none", "X: y\n\ntwo") + "after\n")
    content = content.replace(b"\r\n--b", b"\r\nbefore\r\n--b", 1)
    message = index(content)
    assert [(kind, content[start:end]) for kind, start, end in spans(message, parts_of(message))] == [
        ("envelope", b"From x\r\n"),
        ("field", b"Subject: x\r\n"),
        ("field", b'Content-Type: multipart/mixed; boundary="b"\r\n'),
        ("empty line", b"\r\n"),
        ("preamble", b"before"),
        ("delimiter", b"\r\n--b\r\n"),
        ("empty line", b"\r\n"),
        ("body", b"one"),
        ("delimiter", b"\r\n--b\r\n"),
        ("field", b"X: y\r\n"),
        ("empty line", b"\r\n"),
        ("body", b"two"),
        ("delimiter", b"\r\n--b--\r\n"),
        ("epilogue", b"after\r\n"),
    ]


def test_the_shape_tells_structures_apart_and_not_texts() -> None:
    def shape(text: str) -> tuple[object, ...]:
        return shape_of(parts_of(index(lines(text))))

    one = shape(multipart("b", "\none", "Content-Type: text/html\n\ntwo"))
    assert one == shape(multipart("b", "\none and more", "Content-Type: text/html; charset=utf-8\n\nthree"))
    assert one != shape(multipart("b", "\none", "\ntwo"))
    assert one != shape(multipart("b", "\none", "Content-Type: text/html\n\ntwo").removesuffix("--\n") + "\n")
    assert one != shape(multipart("b", "\none", "Content-Disposition: attachment\nContent-Type: text/html\n\ntwo"))


def test_the_size_of_a_header_block_is_bounded() -> None:
    for block in ("X: y\n" * (MAX_FIELDS + 1), "X: y\n" * 3 + "Y: " + "z" * MAX_HEAD + "\n"):
        head = index(lines(block + "\nbody")).head
        assert "too long" in head.trouble
        assert not head.has_empty_line
        root = parts_of(index(lines(multipart("b", block + "\nbody", "\ntwo"))))
        assert ["too long" in child.trouble for child in root.children] == [True, False]
    assert not index(lines("X: y\n" * MAX_FIELDS + "\nbody")).head.trouble


def test_what_was_not_read_is_a_piece_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.message.index._MAX_FALSE_DELIMITERS", 100)
    start = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    false = b"--\r\n" * 101
    for rest in (b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 5), b"--b\r\n\r\n" + false, false):
        message = index(start + rest)
        root = parts_of(message)
        pieces = list(spans(message, root))
        assert "too many" in root.trouble
        assert [one.start for one in pieces[1:]] == [one.end for one in pieces[:-1]]
        assert (pieces[0].start, pieces[-1].end) == (0, len(message.content))


def test_hostile_structures_take_little_time() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(500))
    hostile = [
        deep + b"x" * 5_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 1_000_000,
        b"Subject: x" + b"\r\n " * 1_000_000 + b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + b"--\r\n" * 2_000_000,
        deep + b"--\r\n" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b" + b" " * 5_000_000,
        b"X: y\r\n" * 20_000 + b"\r\n",
        b"X: y" + b"\r\n " * 1_000_000,
        b"From " + b"\r\r" * 1_000_000,
        b"Content-Type: text/plain" + b"; x" * 80_000 + b"\r\n\r\n",
        b"Content-Type: text/plain" + b";(" * 80_000 + b"\r\n\r\n",
        b"Content-Type: text/plain; a=b" + b"; x x" * 80_000 + b"\r\n\r\n",
        b"Content-Transfer-Encoding: " + b"(a)" * 80_000 + b"\r\n\r\n",
        b"Content-Type: text/plain; a=" + b'"' * 80_000 + b"\r\n\r\n",
    ]
    for content in hostile:
        started = time.process_time()
        parts_of(index(content))
        assert time.process_time() - started < 10


@given(st.binary(max_size=500))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    message = index(content)
    parts_of(message)
    assert message.top <= message.head.start <= message.head.end <= message.head.body <= len(content)


_PIECES = [
    b"\r\n", b"--b", b"--", b"--c--", b"\r\n--b\r\n", b"\r\n--b--\r\n", b"\r\n--c\r\n", b"\r\n--b:c\r\n", b"--b-1", b" ", b"x",
    b"\r", b"\n", b"From ", b"Content-Type: multipart/mixed; boundary=b\r\n", b":", b"\t", b'"', b"X: y\r\n",
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n", b"Content-Disposition: inline\r\n",
    b'Content-Type: multipart/mixed; boundary="b--"\r\n\r\n', b'Content-Type: multipart/digest; boundary="b:c"\r\n\r\n',
    b"Content-Type: multipart/related; boundary=b-1\r\n\r\n",
]  # fmt: skip
_NEST = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"
)
_LINES = st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join)
_CONTENT = st.one_of(st.binary(max_size=500), _LINES, _LINES.map(lambda lines: _NEST + lines))


@given(_CONTENT)
def test_the_pieces_joined_are_the_message(content: bytes) -> None:
    message = index(content)
    position = 0
    for _, start, end in spans(message, parts_of(message)):
        assert start == position < end
        position = end
    assert position == len(content)


@given(_CONTENT)
def test_every_part_lies_inside_the_one_around_it(content: bytes) -> None:
    def check(part: Part) -> None:
        assert part.head.start <= part.head.end <= part.body <= part.closing[0] <= part.closing[1] <= part.end
        position = part.body
        for child in part.children:
            assert position <= child.opening[0] < child.opening[1] == child.head.start
            position = child.end
            check(child)
        assert position <= part.closing[0]

    check(parts_of(index(content)))


@given(_CONTENT)
def test_one_pass_finds_the_parts_that_a_search_in_each_multipart_finds(content: bytes) -> None:
    def check(part: Part) -> None:
        assert read_head(content[: part.end], part.head.start) == part.head
        if part.boundary:
            line = re.compile(rb"(?:\A|\r\n)--" + re.escape(part.boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
            starts = []
            closed = False
            for one in line.finditer(content[part.body : part.end]):
                starts.append(part.body + one.start())
                closed = one[1] is not None
                if closed:
                    break
            assert closed == part.closed
            assert [child.opening[0] for child in part.children] == starts[: len(starts) - closed]
            assert [child.end for child in part.children] == [*starts[1:], part.end][: len(part.children)]
            assert starts[-closed or len(starts) :] == [part.closing[0]] * closed
        for child in part.children:
            check(child)

    check(parts_of(index(content)))
