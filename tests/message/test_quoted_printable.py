from __future__ import annotations

import quopri

import pytest

from relay.message import quoted_printable
from relay.message.quoted_printable import decode, encode, filled, kept


def replaced(raw: bytes, cuts: list[tuple[int, int]], insertions: list[bytes]) -> bytes:
    octets = decode(raw)
    assert octets is not None
    return b"".join(filled(memoryview(raw), kept(raw, octets, cuts), insertions))


@pytest.mark.parametrize("raw", [b"a=b", b"=3", b"=\r", b"a =XY", b"==", b"a\nb", b"a\rb", b"=\nb", b"=4G="])
def test_what_decoders_read_differently_is_not_read(raw: bytes) -> None:
    assert decode(raw) is None


def test_white_space_that_transport_added_is_no_text() -> None:
    assert decode(b"a \t\r\nb= \r\nc ") == b"a\r\nbc"


def test_an_insertion_that_fits_changes_nothing_around_it() -> None:
    assert replaced(b"Hello =\r\n{x}, =E8=8C=B6\r\n", [(6, 9)], [b"caf\xc3\xa9"]) == (
        b"Hello =\r\ncaf=C3=A9, =E8=8C=B6\r\n"
    )


def test_an_insertion_that_does_not_fit_stands_between_soft_line_breaks() -> None:
    raw = b"a" * 40 + b"{x}" + b"b" * 30 + b"\r\n"
    assert replaced(raw, [(40, 43)], [b"c" * 60]) == (b"a" * 40 + b"=\r\n" + b"c" * 60 + b"=\r\n" + b"b" * 30 + b"\r\n")


def test_a_full_line_is_broken_before_its_last_character() -> None:
    assert replaced(b"a" * 73 + b"=3D\r\n", [(74, 74)], [b"x"]) == b"a" * 73 + b"=\r\n=3Dx\r\n"


def test_the_soft_breaks_inside_what_is_replaced_go_with_it() -> None:
    assert replaced(b"see {{na=\r\nme}}.\r\n", [(4, 12)], [b"us"]) == b"see us.\r\n"


def test_white_space_that_comes_to_stand_at_a_lines_end_survives() -> None:
    assert decode(replaced(b"a </body>", [(2, 2)], [b"\r\nfooter\r\n"])) == b"a \r\nfooter\r\n</body>"
    assert decode(replaced(b"a {x}\r\nb", [(2, 5)], [b""])) == b"a \r\nb"
    assert decode(replaced(b"a {x}", [(2, 5)], [b""])) == b"a "


def test_white_space_that_transport_added_stays_what_it_is() -> None:
    assert decode(replaced(b"a  \r\nb \t", [(1, 1), (4, 4)], [b"x", b"\r\nfooter\r\n"])) == b"ax\r\nb\r\nfooter\r\n"


def test_a_long_body_is_edited_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, cuts = b"tea \t\r\n" * 5 + b"=E8=8C=B6=\r\n \r\nend  ", [(0, 3), (7, 8), (17, 17), (28, 31), (33, 33)]
    expected = replaced(raw, cuts, [b"a", b"b", b"c", b"d", b"e"])
    for chunk in (2, 7, 8, 9, 20):
        monkeypatch.setattr(quoted_printable, "_CHUNK", chunk)
        assert replaced(raw, cuts, [b"a", b"b", b"c", b"d", b"e"]) == expected


def test_a_soft_break_at_the_end_of_a_part_is_finished_first() -> None:
    assert decode(replaced(b"open=", [(4, 4)], [b"\r\nfooter\r\n"])) == b"open\r\nfooter\r\n"


@pytest.mark.parametrize("size", range(70, 80))
@pytest.mark.parametrize("end", [b"\n", b" \r\n", b"\n\r\nx\r\n", b" \r\nx\r\n", b"=\r\nx\r\n", b"\t"])
def test_full_lines_are_broken_in_time(size: int, end: bytes) -> None:
    encoded = encode(b"a" * size + end)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert decode(encoded) == b"a" * size + end


@pytest.mark.parametrize("chunk", [2, 3, 38, 76, 77])
def test_endless_lines_are_encoded_in_pieces(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted_printable, "_CHUNK", chunk)
    for octets in (b"a" * 500, b"\xe8\x8c\xb6 " * 90, b"a\r" * 90, b"a\n" * 90 + b"\r\n", b" " * 90):
        encoded = encode(octets)
        assert max(map(len, encoded.split(b"\r\n"))) <= 76
        assert decode(encoded) == octets


@pytest.mark.parametrize("size", range(4, 12))
def test_a_line_end_is_never_taken_apart(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted_printable, "_CHUNK", 5)
    encoded = encode(b"a" * size + b"\r\n")
    assert encoded.endswith(b"\r\n")
    assert b"=0" not in encoded


def test_no_soft_break_is_written_where_a_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted_printable, "_CHUNK", 5)
    assert encode(b"tea\r\n" * 5) == b"tea\r\n" * 5


def test_a_line_of_more_than_a_million_octets_is_not_read() -> None:
    assert decode(b"a" * (1 << 20)) is not None
    assert decode(b"a" * ((1 << 20) + 1)) is None
    assert decode(b"a\r\n" * (1 << 19)) is not None


def test_lines_have_at_most_76_octets_and_hard_breaks_stay() -> None:
    octets = (
        ("\u8336 = tea. " * 40).encode() + b"\r\n" + b"From here \r\n.\r\n" + b"a" * 75 + b" \r\n" + b"b" * 75 + b"\n"
    )
    encoded = encode(octets)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert b"=0D" not in encoded
    assert decode(encoded) == quopri.decodestring(encoded) == octets
