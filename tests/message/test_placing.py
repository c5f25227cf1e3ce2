from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.charset import ascii_view, charset_of, settled, text_of, written
from relay.message.layout import Gap, Spot
from relay.message.placing import kept_as_utf_8, placed

ESCAPE = rb"\x1b(?:\([BJI]|\$[@B]|\$\(D)"


def woven(octets: bytes, charset_label: str, values: list[str]) -> bytes:
    """Each "@" of the text becomes a value."""
    charset = charset_of(charset_label)
    assert charset is not None
    charset = settled(octets, charset)
    assert charset is not None
    view = ascii_view(octets, charset)
    pieces = [Gap(found.start(), found.end()) for found in re.finditer(rb"@", view)]
    out, position, number = b"", 0, 0
    for place in placed(pieces, octets, charset):
        text = "".join(values[number : number + len(place.pieces)])
        number += len(place.pieces)
        insertion = written(text, charset)
        assert insertion is not None
        out += octets[position : place.start] + place.written(insertion)
        position = place.end
    return out + octets[position:]


@pytest.mark.parametrize("value", ["tea", "お茶", "tea お茶", "お茶 tea", "", "茶tea茶"])
@pytest.mark.parametrize("text", ["@", "@x", "x@", "お@", "@お", "お@茶", "お@@茶", "お x@ 茶", "a\r\nお@\r\n茶"])
@pytest.mark.parametrize("charset", ["iso-2022-jp", "shift_jis", "euc-jp", "utf-8", "utf-16le", "utf-16"])
def test_a_value_stands_between_the_text_around_it(charset: str, text: str, value: str) -> None:
    octets = woven(text.encode(charset), charset, [value] * text.count("@"))
    assert octets.decode(charset) == text.replace("@", value)
    assert not re.search(ESCAPE + ESCAPE, octets)


@given(st.text("お茶@a\n", max_size=12), st.lists(st.text("お茶b", max_size=3), min_size=12, max_size=12))
def test_never_do_two_escape_sequences_stand_together(text: str, values: list[str]) -> None:
    octets = woven(text.encode("iso2022_jp"), "iso-2022-jp", values)
    assert not re.search(ESCAPE + ESCAPE, octets)
    filled = iter(values)
    assert octets.decode("iso2022_jp") == re.sub("@", lambda _: next(filled), text)


def test_text_that_never_came_back_to_ascii_is_brought_back() -> None:
    octets = "お茶".encode("iso2022_jp").removesuffix(b"\x1b(B")
    charset = charset_of("iso-2022-jp")
    assert charset is not None
    [place] = placed([Spot(len(octets), len(octets), "\n")], octets, charset)
    assert octets + place.written(b"\r\ntea\r\n") == octets + b"\x1b(B\r\ntea\r\n"


def test_no_escape_sequence_is_written_that_changes_nothing() -> None:
    assert woven("お@x".encode("iso2022_jp"), "iso-2022-jp", ["tea"]) == "おteax".encode("iso2022_jp")


def test_text_in_the_roman_set_of_jis_goes_on_in_it() -> None:
    assert woven(b"\x1b(Ja@\\\x1b(B", "iso-2022-jp", ["\u8336"]) == b"\x1b(Ja\x1b$BCc\x1b(J\\\x1b(B"
    assert woven(b"\x1b(Ja@\\\x1b(B", "iso-2022-jp", ["\\"]) == b"\x1b(Ja\x1b(B\\\x1b(J\\\x1b(B"
    charset = charset_of("iso-2022-jp")
    assert charset is not None
    octets = b"\x1b(Ja@\\\x1b(B"
    assert kept_as_utf_8(octets, charset, placed([Gap(4, 5)], octets, charset)) == ("a\u00a5".encode(), ((1, 1),))


def test_line_ends_and_footer_are_put_in_apart_where_that_matters() -> None:
    charset = charset_of("utf-8")
    assert charset is not None
    spot = Spot(3, 3, "\n")
    assert [(one.start, one.end) for one in placed([spot], b"tea", charset)] == [(3, 3)]
    assert [(one.start, one.end) for one in placed([spot], b"tea", charset, apart=True)] == [(3, 3), (3, 3)]
    assert placed([Gap(0, 1), Spot(3, 3)], b"tea", charset, apart=True) == placed(
        [Gap(0, 1), Spot(3, 3)], b"tea", charset
    )


@pytest.mark.parametrize("label", ["iso-2022-jp", "shift_jis", "utf-8"])
def test_what_stays_is_read_stretch_by_stretch(label: str) -> None:
    octets = "お@茶@a".encode(label)
    charset = charset_of(label)
    assert charset is not None
    places = placed(
        [Gap(found.start(), found.end()) for found in re.finditer(rb"@", ascii_view(octets, charset))], octets, charset
    )
    kept = kept_as_utf_8(octets, charset, places)
    assert kept == ("お茶a".encode(), ((3, 3), (6, 6)))
    assert text_of(kept[0], charset_of("utf-8") or charset) == "お茶a"


def test_what_cannot_be_read_is_not_turned_into_something_else() -> None:
    charset = charset_of("shift_jis")
    assert charset is not None
    assert kept_as_utf_8(b"\x81", charset, placed([Spot(1, 1)], b"\x81", charset)) is None
