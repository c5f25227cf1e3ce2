from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message import iso_2022
from relay.message.iso_2022 import States, comes_back_to_ascii, has_clear_states, with_only_ascii


def test_the_state_of_a_place_is_the_last_escape_sequence_before_it() -> None:
    states = States(b'a\x1b$B$"\x1b(B\x1b(Jb\x1b$')
    assert [states.at(offset) for offset in (0, 3, 4, 6, 11, 12, 15)] == (
        [b"\x1b(B", b"\x1b(B", b"\x1b$B", b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b(J"]
    )
    assert States(b'\x1b$B$"\x1b(B\x1b(Jb').at(11) == b"\x1b(J"


@pytest.mark.parametrize(
    ("octets", "view"),
    [
        (b"a<\x1b$B<a\x1b(B<", b"a<xxxxx\x1b(B<"),
        (b"\x1b(I<\x1b(J<", b"xxxx\x1b(J<"),
        (b"\x1b$(D<<", b"xxxxxx"),
        (b"no escapes", b"no escapes"),
    ],
)
@pytest.mark.parametrize("size", [2, 5, 100])
def test_what_only_looks_like_ascii_is_masked(
    octets: bytes, view: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iso_2022, "_STRETCH", size)
    assert with_only_ascii(octets) == view


def test_of_more_escape_sequences_than_any_letter_has_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_2022, "MAX_ESCAPES", 2)
    assert with_only_ascii(b"\x1b(B\x1b(Ba") == b"\x1b(B\x1b(Ba"
    assert with_only_ascii(b"\x1b(B\x1b(B\x1b(Ba") == b"x" * 10
    assert has_clear_states(b"\x1b(B\x1b(B")
    assert not has_clear_states(b"\x1b(B\x1b(B\x1b(B")


@pytest.mark.parametrize("octets", [b"\x1b$Bab\r\ncd", b"\x1b(Iab\ncd", b"a\x0eb", b"\x1b", b"\x1b(Z", b"\x1b$)C"])
@pytest.mark.parametrize("size", [2, 100])
def test_states_that_readers_differ_about_are_seen(octets: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_2022, "_STRETCH", size)
    assert not has_clear_states(b"a\x1b(B" + octets)


@pytest.mark.parametrize(
    "octets", [b"\x1b$Bab\x1b(B\r\ncd", b"\x1b$Bab\r\n", b"\x1b$Bab\r\n\x1b(Bcd", b"\x1b(Jab\r\nc"]
)
def test_states_that_readers_agree_about_are_clear(octets: bytes) -> None:
    assert has_clear_states(octets)


def test_an_open_state_can_be_left_and_an_unknown_one_cannot() -> None:
    assert comes_back_to_ascii(b"\x1b$Babc\r\nd\xff")
    assert not comes_back_to_ascii(b"\x1b$)C\x0eabc")
    assert not comes_back_to_ascii(b"abc\x1b(")


@given(
    st.lists(st.sampled_from([b"\x1b", b"$B", b"(B", b"(J", b"(I", b"$(D", b"ab", b"\r\n", b"\x0e"])), st.integers(1, 9)
)
def test_any_octets_keep_their_offsets(pieces: list[bytes], offset: int) -> None:
    octets = b"".join(pieces)
    assert len(with_only_ascii(octets)) == len(octets)
    assert States(octets).at(offset).startswith(b"\x1b")
    has_clear_states(octets)
