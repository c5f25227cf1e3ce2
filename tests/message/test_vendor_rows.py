from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message import vendor_rows
from relay.message.vendor_rows import text_of_euc_jp, text_of_iso_2022_jp


def test_japanese_mail_may_have_circled_digits_and_half_width_kana() -> None:
    assert text_of_iso_2022_jp(b'\x1b$B-!-"\x1b(B.\r\n') == "\u2460\u2461.\r\n"
    assert text_of_iso_2022_jp(b"\x1b(I6E\x1b(B") == "\uff76\uff85"
    assert text_of_iso_2022_jp(b"\x1b$B-!\x1b(J\\~\x1b(B\r\n") == "\u2460\u00a5\u203e\r\n"
    assert text_of_euc_jp(b"\xad\xa1\x8e\xb6a\xf9\xa1\x8f\xb0\xa1\r\n\xa4\xa2") == "\u2460\uff76a\u7e8a\u4e02\r\n\u3042"


@pytest.mark.parametrize(
    ("row", "shift_jis"),
    [(13, b"\x87\x40"), (89, b"\xed\x40"), (90, b"\xed\x9f"), (91, b"\xee\x40"), (92, b"\xee\x9f")],
)
def test_each_row_of_the_vendors_is_read_as_in_shift_jis(row: int, shift_jis: bytes) -> None:
    assert text_of_euc_jp(bytes([row + 0xA0, 0xA1])) == shift_jis.decode("cp932")
    assert text_of_iso_2022_jp(b"\x1b$B" + bytes([row + 0x20, 0x21]) + b"\x1b(B") == shift_jis.decode("cp932")


@pytest.mark.parametrize(
    "octets", [b"\x1b$B-!-", b"\x1b$B)!", b"\x1b$B-!\x1b$(D0!", b"\x1b(Ia", b"\x1b(I6\x1b(B\xa4", b"\x1b$B-!\x1b(Z"]
)
def test_what_is_no_character_is_not_read(octets: bytes) -> None:
    assert text_of_iso_2022_jp(octets) is None


@pytest.mark.parametrize(
    "octets", [b"\xad\xa1\xad", b"\xad\xa1\xf5\xa1", b"\xad\xa1\x80", b"\xad\xa1\x80a", b"\xad\xa1\x8f\xa1\xa1"]
)
def test_what_is_no_character_of_euc_is_not_read(octets: bytes) -> None:
    assert text_of_euc_jp(octets) is None


def test_a_state_is_kept_from_line_to_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_rows, "_LINES", 4)
    assert text_of_iso_2022_jp(b"\x1b(J\\\r\n\\\x1b$B-!\x1b(B\r\n\\") == "\u00a5\r\n\u00a5\u2460\r\n\\"


def test_text_past_the_budget_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_rows, "_BUDGET", 10)
    assert text_of_iso_2022_jp(b"\x1b$B-!\x1b(B" * 4) is not None
    assert text_of_iso_2022_jp(b"\x1b$B-!\x1b(B" * 6) is None
    assert text_of_euc_jp(b"\xad\xa1a" * 4) is not None
    assert text_of_euc_jp(b"\xad\xa1a" * 6) is None


@given(st.text(st.sampled_from("aZ~\\\r\n\u3042\u8336\u301c\u00b6\u2460\u7e8a"), max_size=60))
def test_what_pythons_codecs_read_is_read_the_same(text: str) -> None:
    octets = text.encode("iso2022_jp", "ignore")
    assert vendor_rows._escaped_text(octets, b"\x1b(B") == octets.decode("iso2022_jp")
    assert text_of_iso_2022_jp(octets) == octets.decode("iso2022_jp")
    octets = text.encode("euc_jp", "ignore") + b"\xad\xa1"
    assert text_of_euc_jp(octets) == octets[:-2].decode("euc_jp") + "\u2460"


@given(st.binary(max_size=80))
def test_lines_joined_are_the_octets(octets: bytes) -> None:
    assert b"".join(vendor_rows._lines(octets)) == octets


@given(st.lists(st.sampled_from([b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b(I", b"-!", b"a", b"\xad", b"\n", b"\x8f"])))
def test_no_bytes_make_it_fail(pieces: list[bytes]) -> None:
    text_of_iso_2022_jp(b"".join(pieces))
    text_of_euc_jp(b"".join(pieces))
