from __future__ import annotations

import re

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer_lines import html_lines, plain_lines
from relay.message.footer_template import LINK

CHARSETS = ("utf-8", "iso2022_jp", "iso2022_jp_2", "gb18030", "cp932", "big5", "euc_kr", "iso8859_1", "ascii")
_MIXED = st.text(st.sampled_from("a b>.-あαéД😀\u3000&"), max_size=40).flatmap(
    lambda text: st.sampled_from([text, text * 9, text * 60])
)


def octets(line: str) -> int:
    """The most that a line takes in any charset that has all its characters, and with references."""
    most = len(line.encode("ascii", "xmlcharrefreplace"))
    for charset in CHARSETS:
        try:
            most = max(most, len(line.encode(charset)))
        except UnicodeEncodeError:
            continue
    return most


def plain_octets(line: str) -> int:
    return max([len(line.encode(charset)) for charset in ("utf-8", "gb18030")] + [octets_in(line, "iso2022_jp_2")])


def octets_in(line: str, charset: str) -> int:
    return len("".join(one for one in line if one not in "é😀Д").encode(charset, "replace"))


@given(_MIXED, st.sampled_from([20, 300, 900]))
def test_every_plain_line_fits_in_every_charset_and_says_the_same(text: str, room: int) -> None:
    lines = plain_lines(f"{text}\nx {LINK} {text}", room)
    assert lines.count(LINK) == 1
    for line in lines.replace(LINK, "u" * room).split("\n"):
        assert plain_octets(line) <= 998
        assert line == line.rstrip()
    said = f"{text}x{LINK}{text}"
    assert re.sub(r"\s", "", lines) == re.sub(r"\s", "", said)


@given(_MIXED, st.sampled_from([20, 300, 900]))
def test_every_html_line_fits_and_means_the_same(text: str, room: int) -> None:
    escaped = text.replace("&", "&amp;").replace(">", "&gt;")
    source = f'<p style="margin:0;{"padding: 0;" * (len(text) // 9)}">x {escaped} <a href="{LINK}">{escaped}</a></p>\n'
    lines = html_lines(source, room)
    for line in lines.replace(LINK, "u" * room).split("\n"):
        assert octets(line) <= 998
    before, after = (
        html5lib.parse(one.replace(LINK, "u" * room), namespaceHTMLElements=False) for one in (source, lines)
    )
    assert _shown(before) == _shown(after)


def _shown(tree: object) -> tuple[list[str], str, str]:
    elements = list(tree.iter())  # type: ignore[attr-defined]
    text = "".join(t for e in elements if isinstance(e.tag, str) for t in ((e.text or ""),)) + "".join(
        e.tail or "" for e in elements
    )
    hrefs = "".join(e.get("href", "") for e in elements if isinstance(e.tag, str))
    tags = [e.tag for e in elements if isinstance(e.tag, str)]
    return tags, "".join(sorted(re.sub(r"\s", "", text))), hrefs


@pytest.mark.parametrize("beginning", [">", "> x", "From x", "from x", "--", "-- ", "--b--", ".", "begin 644 x"])
def test_a_line_that_means_something_stands_a_space_to_the_right(beginning: str) -> None:
    assert plain_lines(f"a\n{beginning}\n", 0) == f"a\n {beginning.rstrip()}\n"
    assert html_lines(f"a\n{beginning}\n", 0) == f"a\n {beginning.rstrip()}\n"


@pytest.mark.parametrize("beginning", ["Fromage", "-x", "beginning", "a > b", "_"])
def test_other_lines_stand_where_they_stood(beginning: str) -> None:
    assert plain_lines(beginning, 0) == f"{beginning}\n"


def test_the_rest_of_a_folded_line_can_look_like_nothing_else() -> None:
    lines = plain_lines("Address: " + "> " * 400 + "-- " * 400, 0).splitlines()
    assert len(lines) > 5
    assert lines[0].startswith("Address: >")
    assert all(line.startswith("  ") for line in lines[1:])


def test_a_long_link_stands_alone_on_its_line() -> None:
    assert plain_lines(f"Stop these emails {'at any time ' * 9}here: {LINK} now", 900).split("\n")[1:] == [
        LINK,
        "  now",
        "",
    ]
    assert plain_lines(f"Stop here: {LINK} now", 300) == f"Stop here: {LINK} now\n"


def test_empty_lines_do_not_pile_up() -> None:
    assert plain_lines("\n\n a \n\n \t\n\nb  \n\n", 0) == "a\n\nb\n"
    assert html_lines("\n\n<p>a\n\n \t\n\nb</p>  \n\n", 0) == "<p>a\nb</p>\n"


def test_nothing_stays_of_what_says_nothing() -> None:
    assert plain_lines(" \n\n\t", 0) == ""
    assert html_lines('<div style="x">\n<p> </p>\n</div>', 0) == ""
