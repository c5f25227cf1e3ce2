from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256, sha512
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relay.consent.ledger import (
    GENESIS,
    MARK_OCTETS,
    PERSONAL,
    PLAIN,
    SALT_OCTETS,
    Line,
    UnsoundError,
    digest,
    erase,
    line_of_row,
    microseconds,
    moment_of,
    seal_after,
    seal_hash,
)

SALT = bytes(range(16))
HEX = "ab" * 32
LINE = Line(
    7,
    ("01J", "grant", "brand", "newsletter", 1, 2, "cli", "written", None, None, None, 3, "ja", 0, 1),
    ("ann@example.com", "Messe in Köln", "https://brand.example/join", "ab" * 32, "192.0.2.1", "Mozilla"),
    SALT,
)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    text_or_number = {
        "at": st.none() | numbers, "recorded_at": numbers, "basis": st.none() | texts, "act": st.none() | texts,
        "confirmed_at": st.none() | numbers, "mail_sent_at": st.none() | numbers, "last_contact_at": st.none() | numbers,
        "live": numbers, "own_act": numbers,
    }  # fmt: skip
    plain = tuple(draw(text_or_number.get(name, texts)) for name in PLAIN)
    personal = tuple(draw(st.none() | texts.filter(bool) if name == "wording" else texts) for name in PERSONAL)
    return Line(draw(st.integers(1, 2**63 - 1)), plain, personal, draw(st.binary(min_size=16, max_size=16)))


def test_the_digest_is_what_the_description_says() -> None:
    plain = ["01J", "grant", "brand", "newsletter", 1, 2, "cli", "written", None, None, None, 3, "ja", 0, 1]
    first, second = sha512(SALT + b"\x00").digest(), sha512(SALT + b"\x01").digest()
    salts = [first[:16], first[16:32], first[32:48], first[48:], second[:16], second[16:32]]
    commitments = [
        sha256(salt + str(value).encode()).digest() for salt, value in zip(salts, LINE.personal, strict=True)
    ]
    array = json.dumps([7, *plain], separators=(",", ":"), ensure_ascii=False)
    assert digest(LINE.row) == sha256(array.encode() + b"".join(commitments)).digest()


def test_an_empty_field_commits_to_nothing_at_all() -> None:
    bare = replace(LINE, personal=("ann@example.com", "", "", None, "", ""))
    array = json.dumps([7, *bare.plain], separators=(",", ":"), ensure_ascii=False)
    address = sha256(sha512(SALT + b"\x00").digest()[:16] + b"ann@example.com").digest()
    assert digest(bare.row) == sha256(array.encode() + address + bytes(5 * 32)).digest()


@given(lines(), lines())
def test_no_two_different_lines_have_the_same_digest(one: Line, other: Line) -> None:
    assume(one != other)
    assert digest(one.row) != digest(other.row)


@given(lines(), st.data())
def test_a_changed_field_changes_the_digest_or_is_no_line(line: Line, data: st.DataObject) -> None:
    row = list(line.row)
    place = data.draw(st.integers(0, len(row) - 1))
    value = data.draw(st.none() | texts | numbers | st.binary(max_size=20) | st.floats())
    assume(value != row[place] or type(value) is not type(row[place]))
    row[place] = value
    with contextlib.suppress(UnsoundError):
        assert digest(row) != digest(line.row)


@given(lines(), st.integers(1, 30))
def test_text_moved_from_one_field_to_the_next_is_another_line(line: Line, count: int) -> None:
    """What a plain concatenation would not notice."""
    brand, stream = str(line.plain[2]) + "a" * count, str(line.plain[3])
    one = replace(line, plain=(*line.plain[:2], brand, stream, *line.plain[4:]))
    other = replace(line, plain=(*line.plain[:2], brand[:-1], brand[-1] + stream, *line.plain[4:]))
    assert digest(one.row) != digest(other.row)


@given(lines(), st.lists(st.sets(st.sampled_from(PERSONAL)), max_size=4))
def test_erasing_leaves_the_digest_and_nothing_of_the_fields(line: Line, steps: list[set[str]]) -> None:
    before = digest(line.row)
    every = dict(zip(PERSONAL, _salts(line.salt), strict=True))
    for names in steps:
        line = erase(line, names)
        assert digest(line.row) == before
    gone = set().union(*steps)
    for name, value in zip(PERSONAL, line.personal, strict=True):
        if name in gone:
            assert not value
            assert line.erased is None or every[name] not in line.salt
    again = erase(line, gone)
    assert again == line


def _salts(salt: bytes) -> list[bytes]:
    first, second = sha512(salt + b"\x00").digest(), sha512(salt + b"\x01").digest()
    return [first[start : start + SALT_OCTETS] for start in (0, 16, 32, 48)] + [second[:16], second[16:32]]


def test_a_field_that_is_erased_cannot_stand_there_all_the_same() -> None:
    erased = erase(LINE, ["address"])
    forged = replace(erased, personal=("bob@example.com", *erased.personal[1:]), salt=SALT + erased.salt)
    with pytest.raises(UnsoundError):
        digest(forged.row)


def test_a_field_that_is_gone_without_a_commitment_is_no_erasure() -> None:
    for place, name in enumerate(PERSONAL):
        personal = list(LINE.personal)
        personal[place] = None
        if name == "wording":
            assert digest(replace(LINE, personal=tuple(personal)).row) != digest(LINE.row)
        else:
            with pytest.raises(UnsoundError, match=f"its {name} is gone"):
                digest(replace(LINE, personal=tuple(personal)).row)


@pytest.mark.parametrize(
    "erased",
    ["{}", "[]", "null", "{", '{"address":"00"}', f'{{"id":"{HEX}"}}', f'{{"address": "{HEX}"}}',
     f'{{"address":"{HEX.upper()}"}}', '{"address":1}', "[" * 999, "x" * 2000,
     f'{{"source":"{HEX}","address":"{HEX}"}}', f'{{"address":"{HEX[:32]} {HEX[32:]}"}}'],
)  # fmt: skip
def test_commitments_are_written_in_one_way_only(erased: str) -> None:
    with pytest.raises(UnsoundError, match="commitments of its erased fields"):
        digest(replace(LINE, personal=(None, *LINE.personal[1:]), erased=erased, salt=bytes(80)).row)


@pytest.mark.parametrize("salt", [b"", SALT[:-1], SALT + b"\0", "text", None])
def test_a_salt_of_another_length_is_no_line(salt: Any) -> None:
    with pytest.raises(UnsoundError):
        digest(replace(LINE, salt=salt).row)
    with pytest.raises(UnsoundError):
        digest(replace(erase(LINE, ["ip"]), salt=salt).row)


@pytest.mark.parametrize("value", ["\udc80", b"octets", 1.5, 3])
def test_text_that_is_none_is_no_line(value: Any) -> None:
    with pytest.raises(UnsoundError):
        digest(replace(LINE, personal=(value, *LINE.personal[1:])).row)


def test_nobody_erases_a_line_that_is_broken_or_a_field_that_is_none() -> None:
    with pytest.raises(KeyError):
        erase(LINE, ["id"])
    with pytest.raises(UnsoundError):
        erase(replace(LINE, salt=b""), ["ip"])


def test_erasing_what_is_empty_changes_nothing() -> None:
    bare = replace(LINE, personal=("ann@example.com", "", "", None, "", ""))
    assert erase(bare, PERSONAL[1:]) == bare


@given(lines())
def test_a_line_and_its_row_are_the_same(line: Line) -> None:
    assert line_of_row(line.row) == line
    assert line.field("address") == line.personal[0]


def test_each_seal_follows_from_the_one_before() -> None:
    digests = [bytes([number]) * 32 for number in range(5)]
    first = seal_after(None, digests[:2], 10)
    second = seal_after(first, digests[2:], 20)
    assert first.numbers == (1, 1, 2, 10)
    assert second.numbers == (2, 3, 5, 20)
    assert first.hash == sha256(
        b"consent-relay seal 1\0" + GENESIS + b"".join(n.to_bytes(8) for n in (1, 1, 2, 10)) + b"".join(digests[:2])
    ).digest()  # fmt: skip
    assert second.hash == seal_hash(first.hash, second.numbers, digests[2:])
    assert second.mark_of(4) == digests[3][:MARK_OCTETS]
    others = {seal_hash(first.hash, (2, 3, 5, at), digests[2:]) for at in (20, 21)}
    assert len(others) == 2


@given(st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - given one
def test_times_are_kept_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(microseconds(moment)) == moment
