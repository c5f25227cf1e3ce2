from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.checking import Checked
from relay.consent.heads import Head, HeadError, Seen, check_heads, find_lost, parse_head, sign, text_hash

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: number of a seal: its last line and hash
SEALS = {number: (number * 10, f"{number:064x}") for number in range(1, 6)}


def heads(*numbers: int, key: Ed25519PrivateKey = KEY) -> list[str]:
    lines: list[str] = []
    for number in numbers:
        previous = text_hash(lines[-1]) if lines else ""
        at = NOW + timedelta(hours=number)
        lines.append(sign(Head(at, number * 10, number, f"{number:064x}", previous), key).text)
    return lines


def check(lines: list[str], seals: dict[int, tuple[int, str]] = SEALS) -> tuple[list[str], Seen]:
    found = Checked()
    public = KEY.public_key().public_bytes_raw().hex()
    seen = check_heads(found, lines, {public}, seals.get)
    find_lost(found, seen, max((line for line, _ in seals.values()), default=0))
    return [str(finding) for finding in found.findings], seen


def test_heads_that_the_ledger_has_hold() -> None:
    found, seen = check(heads(1, 3, 5))
    assert found == []
    assert (seen.heads, seen.signed, seen.at) == (3, 50, NOW + timedelta(hours=5))
    assert check([]) == ([], Seen())


def test_a_signature_can_be_checked_by_anyone_with_the_public_key() -> None:
    (line,) = heads(1)
    values = json.loads(line)
    signature = bytes.fromhex(values.pop("signature"))
    said = b"consent-relay head 1\0" + json.dumps(values, separators=(",", ":")).encode()
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(values["key"])).verify(signature, said)


@given(
    st.integers(1, 2**40), st.integers(1, 2**40), st.none() | st.integers(0, 2**40), st.text(max_size=200),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given one
)  # fmt: skip
def test_what_is_written_is_read_again(line: int, seal: int, lost: int | None, note: str, at: datetime) -> None:
    head = sign(Head(at, line, seal, "ab" * 32, "", lost, lost, note), KEY)
    assert "\n" not in head.text
    assert head.is_signed
    assert parse_head(head.text) == head


def test_times_of_other_zones_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert '"at":"2026-03-01T12:00:00.000000+00:00"' in sign(Head(NOW.astimezone(tokyo), 1, 1, "ab" * 32), KEY).text


@given(st.data())
def test_every_changed_character_of_a_head_is_found(data: st.DataObject) -> None:
    lines = heads(1, 2, 3)
    which = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(lines[which]) - 1))
    character = data.draw(st.characters(codec="utf-8", exclude_characters="\n" + lines[which][place]))
    lines[which] = lines[which][:place] + character + lines[which][place + 1 :]
    assert check(lines)[0]


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (0, 2, 1), (0, 2), (1, 2), (0, 1, 1, 2)])
def test_heads_taken_out_moved_or_doubled_are_found(order: tuple[int, ...]) -> None:
    lines = heads(1, 2, 3)
    assert any("does not follow" in found for found in check([lines[place] for place in order])[0])


def test_a_head_of_a_stranger_counts_for_nothing() -> None:
    stranger = Ed25519PrivateKey.generate()
    found, seen = check(heads(1, key=stranger))
    assert "signed with another key" in found[0]
    assert seen.signed == 0
    forged = replace(parse_head(heads(1, key=stranger)[0]), key=KEY.public_key().public_bytes_raw().hex())
    assert check([forged.text])[0] == ["head 1: its signature is wrong"]


def test_a_ledger_that_was_cut_off_is_named_by_its_line() -> None:
    found, _ = check(heads(1, 3, 4, 5), {1: SEALS[1], 2: SEALS[2]})
    assert found == [
        "line 11: cut off: the ledger ends at line 20, against head 2, signed 2026-03-01 15:00:00Z for 30 lines"
    ]


def test_a_ledger_that_was_made_anew_is_named_from_the_last_line_that_is_proved() -> None:
    anew = {**SEALS, 3: (30, "ff" * 32), 4: (40, "fe" * 32), 5: (50, "fd" * 32)}
    found, seen = check(heads(1, 2, 3, 4, 5), anew)
    (words,) = found
    assert words.startswith("line 21: rewritten from here on, or from a later line up to 30, against head 3, signed ")
    assert seen.signed == 20
    assert len(check(heads(1, 2, 3), {**SEALS, 2: (19, SEALS[2][1])})[0]) == 1


def test_only_a_note_signs_for_a_loss_and_only_for_what_lies_behind() -> None:
    lines = heads(1, 2, 3)
    left = {1: SEALS[1], 2: (20, "aa" * 32)}
    kept = {"lost": 30, "kept": 10}
    for more, is_accepted in (({}, False), (kept, False), ({**kept, "note": "restored"}, True)):
        head = Head(NOW, 20, 2, "aa" * 32, text_hash(lines[-1]), **more)  # type: ignore[arg-type]
        found, seen = check([*lines, sign(head, KEY).text], left)
        assert len(found) == (not is_accepted)
        assert len(seen.notes) == is_accepted
    beside = Head(NOW, 20, 2, "aa" * 32, text_hash(lines[-1]), 30, 25, "of a later loss")
    assert len(check([*lines, sign(beside, KEY).text], left)[0]) == 1
    forged = sign(Head(NOW, 20, 2, "aa" * 32, text_hash(lines[-1]), 30, 10, "restored"), Ed25519PrivateKey.generate())
    assert len(check([*lines, forged.text], left)[0]) == 2


@pytest.mark.parametrize("torn", ["", "{", "x" * 9000, "[]", "{}", "\udcff", "[" * 3000])
def test_a_torn_line_is_a_finding_until_a_head_was_signed_behind_it(torn: str) -> None:
    lines = heads(1)
    assert len(check([*lines, torn])[0]) == 1
    after = sign(Head(NOW, 20, 2, SEALS[2][1], text_hash(torn)), KEY)
    found, seen = check([*lines, torn, after.text])
    assert found == []
    assert len(seen.notes) == 1
    assert len(check([*lines, torn, torn, after.text])[0]) == 1


def test_a_head_with_more_or_less_than_ours_is_none() -> None:
    (line,) = heads(1)
    values = json.loads(line)
    for changed in (
        {**values, "more": 1},
        {name: value for name, value in values.items() if name != "previous"},
        {**values, "line": "10"},
        {**values, "hash": "zz" * 32},
        {**values, "hash": "ab"},
        {**values, "at": "yesterday"},
        {**values, "at": 1},
        {**values, "note": ""},
    ):
        with pytest.raises(HeadError):
            parse_head(json.dumps(changed, separators=(",", ":")))
