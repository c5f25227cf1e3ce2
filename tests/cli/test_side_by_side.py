from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from relay.cli import side_by_side
from relay.cli.comparison import compared
from relay.cli.side_by_side import print_comparison, safe


def shown(before: bytes | str, after: bytes | str, *, width: int = 80, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    old, new = (one.encode() if isinstance(one, str) else one for one in (before, after))
    print_comparison(console, compared(old, new))
    return file.getvalue()


def plain(text: str) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.replace("\n", "\r\n").encode()


def test_nothing_changed_is_said_in_a_line_a_part() -> None:
    assert shown(plain("a"), plain("a")) == (
        "header fields: untouched\npart 1 text/plain, 7bit, utf-8: 1 octets, untouched\n"
    )


def test_fields_of_one_name_stand_beside_each_other() -> None:
    out = shown(b"A: 1\r\nB: 2\r\n\r\n", b"C: 3\r\nB: 4\r\n\r\n", width=40)
    assert out.splitlines()[1:4] == ["- A: 1", "- B: 2              + B: 4", "                    + C: 3"]


def test_equal_stretches_are_folded_but_for_the_lines_next_to_a_change() -> None:
    lines = [f"line {number}" for number in range(20)]
    out = shown(plain("\n".join(lines)), plain("\n".join([*lines[:10], "new", *lines[10:]])), width=60)
    left = [line[:30].strip() for line in out.splitlines()[2:]]
    assert left == ["... 8 equal lines ...", "line 8", "line 9", "", "line 10", "line 11", "... 8 equal lines ..."]
    assert out.count("+ new") == 1
    assert "... 1 equal line ..." in shown(plain("\n".join(lines[:3])), plain("\n".join([*lines[:3], "new"])))


def test_a_part_tells_how_it_travelled_before_and_after() -> None:
    before = "Content-Type: text/plain; charset=us-ascii\r\n\r\nhello"
    after = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nf=C3=BCr"
    out = shown(before, after, width=100)
    assert "part 1 text/plain, 7bit -> quoted-printable, us-ascii -> utf-8: 5 -> 8 octets" in out
    assert re.search(r"- hello +\+ für", out)


def test_wide_characters_keep_the_columns_straight() -> None:
    out = shown(plain("今日は、お元気ですか。\nx"), plain("今日は、お元気ですね。\ny"), width=40)
    rows = [line for line in out.splitlines() if line.startswith("- ")]
    assert [cell_len(row[: row.index("+ ")]) for row in rows] == [20, 20]


def test_a_long_line_wraps_inside_its_column() -> None:
    out = shown(plain("a"), plain("a\n" + "日本" * 40), width=40)
    assert max(cell_len(line) for line in out.splitlines()) <= 43  # the heading of the part, which is not a column
    assert "".join(re.findall("[日本]", out)) == "日本" * 40


def test_of_a_page_in_one_line_only_the_changes_and_their_surroundings_are_shown() -> None:
    page = "<p>" + "hello world, " * 500
    out = shown(
        plain(page + "{{why}}" + page + "{{sender}}" + page), plain(page + "because" + page + "Brand" + page + "footer")
    )
    assert len(out) < 4000
    flat = re.sub(r"\s+", "", out)
    for word in ("{{why}}", "{{sender}}", "because", "Brand", "footer", "equalcharacters]"):
        assert word in flat


def test_a_page_of_endless_words_is_still_shown() -> None:
    out = shown(plain("{{why}}" + "word " * 20_000 + "{{why}}"), plain("because" + "word " * 20_000 + "because"))
    assert "because" in out


def test_many_changed_lines_are_not_matched_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {number}" for number in range(20)]
    before, after = plain("\n".join([*lines, "end"])), plain("\n".join(["start", *lines, "new end"]))
    assert shown(before, after).count("- line") == 0
    monkeypatch.setattr(side_by_side, "_MOST_MATCHED", 21)
    assert shown(before, after).count("- line") == 20


def test_the_same_text_in_other_octets_is_said_to_be_that() -> None:
    encoded = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naGk="
    assert "the same text in other octets" in shown(plain("hi"), encoded)


def test_added_and_removed_parts_are_named() -> None:
    parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b\r\n\r\nfooter\r\n--b--\r\n"
    out = shown(b"Content-Type: image/png\r\n\r\nx", parts)
    assert "part 1 image/png, 7bit: 1 octets, untouched" in out
    assert "part 2 text/plain, 7bit, us-ascii: 6 octets, added" in out
    assert "+ footer" in out
    assert "6 octets, taken out" in shown(parts, b"Content-Type: image/png\r\n\r\nx")


@pytest.mark.parametrize("evil", ["\x1b[31m", "\x9b31m", "\x07", "\u202e", "\u2066", "\r", "\x7f", "\x00", "\udc80"])
def test_nothing_in_a_message_speaks_to_the_terminal(evil: str) -> None:
    assert evil not in safe(f"a{evil}b")
    octets = evil.encode("utf-8", "surrogatepass")
    out = shown(b"S: x\r\n\r\na", b"S: " + octets + b"\r\n\r\na" + octets + b"b")
    assert evil not in out


def test_tabs_become_spaces_and_letters_of_all_scripts_stay() -> None:
    assert safe("a\tb") == "a   b"
    assert safe("\x1b\u202e") == "\\x1b\\u202e"
    assert safe("שלום 今日は für 👋🏽") == "שלום 今日は für 👋🏽"


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[" not in shown(plain("a"), plain("b"))
    out = shown(plain("a"), plain("b"), terminal=True)
    assert "\x1b[32mb" in out
    assert "\x1b[31ma" in out


@given(st.text(max_size=200), st.text(max_size=200), st.integers(20, 100))
def test_no_texts_make_it_fail(before: str, after: str, width: int) -> None:
    octets = [one.encode("utf-8", "surrogatepass") for one in (before, after)]
    out = shown(b"S: x\r\n\r\n" + octets[0] * 5, b"S: " + octets[1] + b"\r\n\r\n" + octets[1] * 5, width=width)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out) is None
