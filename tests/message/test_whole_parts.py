from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import shape_of

from relay.message.edits import applied
from relay.message.footer import Footer
from relay.message.index import Part, index, parts_of
from relay.message.whole_parts import first_part, part_removed

FOOTER = Footer("____\n\u8336\n", "")
PDF = "Content-Type: application/pdf; name=x.pdf\n\npdf"
PICTURE = "Content-Type: image/png\n\npicture"


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def multipart(*parts: str, kind: str = "mixed", preamble: str = "", end: str = "--b--\n") -> bytes:
    body = "".join(f"--b\n{part}\n" for part in parts)
    return lines(f'Subject: x\nContent-Type: multipart/{kind}; boundary="b"\n\n{preamble}{body}{end}')


def with_first_part(content: bytes, footer: Footer = FOOTER) -> bytes:
    return applied(content, first_part(index(content), parts_of(index(content)), footer))


def bodies(content: bytes) -> list[bytes]:
    return [content[part.body : part.end] for part in parts_of(index(content)).children]


@pytest.mark.parametrize("preamble", ["", "\n", "words\n", "words\n\n"])
@pytest.mark.parametrize("end", ["--b--\n", "", "--b--\nafter\n"])
def test_a_multipart_mixed_gets_a_first_part_and_keeps_all_else(preamble: str, end: str) -> None:
    content = multipart(PDF, PICTURE, preamble=preamble, end=end)
    result = with_first_part(content)
    before, after = parts_of(index(content)), parts_of(index(result))
    assert shape_of(after)[-1][1:] == shape_of(before)[-1]  # type: ignore[index]
    assert bodies(result)[1:] == bodies(content)
    assert after.closed == before.closed
    assert after.children[0].kind.kind == "text/plain"
    assert result[after.body : after.children[0].opening[0]] == content[before.body : before.children[0].opening[0]]
    assert result[after.children[1].end :] == content[before.children[0].end :]
    assert len(result) == len(content) + after.children[0].end - after.children[0].head.start + len(b"--b\r\n\r\n")


def test_the_new_part_is_shown_and_has_no_name() -> None:
    message = message_from_bytes(with_first_part(multipart(PDF)), policy=policy.default)
    first, second = message.iter_parts()
    assert first.get_content() == "____\r\n\u8336\r\n"
    assert first.get_content_disposition() == "inline"
    assert first.get_filename() is None
    assert second.get_payload() == "pdf"


@pytest.mark.parametrize(
    "content",
    [
        lines(f"Subject: x\n{PDF}\n"),
        multipart(PICTURE, PDF, kind="related"),
        multipart("Subject: y\n\ny", kind="digest"),
        lines("Content-Type: message/rfc822\n\nSubject: y\n\ny\n"),
        lines("Content-Type: multipart/mixed; boundary=b\n\nno parts\n"),
    ],
)
def test_around_all_else_comes_a_new_multipart(content: bytes) -> None:
    result = with_first_part(content)
    root = parts_of(index(result))
    first, second = root.children
    assert (root.kind.kind, root.closed, first.kind.kind) == ("multipart/mixed", True, "text/plain")
    assert shape_of(second) == shape_of(parts_of(index(content)))
    assert result[second.body : second.end] == content[index(content).head.body :]


def test_a_footer_that_holds_the_boundary_ends_no_part() -> None:
    result = with_first_part(multipart(PDF), Footer("--b--\n", ""))
    assert len(bodies(result)) == 2
    assert parts_of(index(result)).closed


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("end", ["--b--\n", "", "--b--\nafter\n"])
@pytest.mark.parametrize("preamble", ["", "\n", "words\n"])
def test_a_part_goes_with_its_delimiter_and_leaves_the_others_as_they_were(
    number: int, end: str, preamble: str
) -> None:
    content = multipart("\none", "\ntwo", "\nthree", preamble=preamble, end=end)
    root = parts_of(index(content))
    result = applied(content, [part_removed(index(content), root.children[number])])
    kept = bodies(content)
    del kept[number]
    assert bodies(result) == kept
    after = parts_of(index(result))
    if end:
        assert result[after.closing[0] :] == content[root.closing[0] :]
    else:
        assert after.closed == (number == 2)  # or the second would have the line end that was the third's
    assert result.endswith(b"\r\n")


_PIECES = [b"\r\n", b"--b", b"--", b"\r\n--b\r\n", b"\r\n--b--\r\n", b"\r\n--c\r\n", b"\r\n--c--", b"X: y\r\n", b"x", b" ",
           b"Content-Type: multipart/alternative; boundary=c\r\n\r\n"]  # fmt: skip
_MIXED = st.lists(st.sampled_from(_PIECES), max_size=30).map(
    lambda pieces: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(pieces)
)


@given(_MIXED)
def test_a_first_part_moves_nothing_in_any_multipart(content: bytes) -> None:
    before = parts_of(index(content))
    after = parts_of(index(with_first_part(content)))
    if before.trouble:
        assert shape_of(after.children[1]) == shape_of(before)
    else:
        assert shape_of(after)[-1][1:] == shape_of(before)[-1]  # type: ignore[index]


@given(_MIXED, st.integers(0, 20))
def test_a_part_taken_out_changes_no_other(content: bytes, number: int) -> None:
    def everywhere(part: Part) -> list[tuple[Part, Part]]:
        return [(part, child) for child in part.children] + [
            pair for child in part.children for pair in everywhere(child)
        ]

    pairs = [pair for pair in everywhere(parts_of(index(content))) if len(pair[0].children) > 1]
    if not pairs:
        return
    parent, part = pairs[number % len(pairs)]
    was_last = part.end == len(content)
    result = applied(content, [part_removed(index(content), part)])
    assert shape_of(parts_of(index(result))) == without(parts_of(index(content)), part, parent if was_last else None)


def without(part: Part, removed: Part, closed: Part | None) -> tuple[object, ...]:
    *own, _ = shape_of(part if closed is None or part.head != closed.head else replace(part, closed=True))
    return (
        *own,
        tuple([without(child, removed, closed) for child in part.children if child.opening != removed.opening]),
    )
