from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from relay.message import transfer as transfer_module
from relay.message.transfer import (
    Cut,
    Transfer,
    decode,
    encode,
    filled,
    has_long_line,
    opened,
    shortest_seven_bit,
    transfer_of,
)

QP, B64, PLAIN = Transfer.QUOTED_PRINTABLE, Transfer.BASE64, Transfer.EIGHT_BIT


def replaced(octets: bytes, cuts: list[Cut], insertions: list[bytes]) -> bytes:
    for (start, end), insertion in reversed(list(zip(cuts, insertions, strict=True))):
        octets = octets[:start] + insertion + octets[end:]
    return octets


def edited(raw: bytes, cuts: list[Cut], insertions: list[bytes], transfer: Transfer) -> bytes:
    octets = decode(raw, transfer)
    assert octets is not None
    changed = b"".join(filled(opened(raw, octets, cuts, transfer), raw, insertions))
    assert decode(changed, transfer) == replaced(octets, cuts, insertions)
    return changed


def longest(octets: bytes) -> int:
    return max(map(len, octets.split(b"\r\n")))


def test_labels_are_read_and_unknown_ones_refused() -> None:
    assert transfer_of("") is Transfer.SEVEN_BIT
    assert transfer_of("base64") is B64
    assert transfer_of("x-uuencode") is None


@pytest.mark.parametrize("raw", [b"YQ", b"YQ==YQ==", b"YQ==\r\nYQ==", b"Y!Q=", b"YQ===", b"=", b"YWI=a", b"YQ==\r\n--"])
@pytest.mark.parametrize("chunk", [1, 4, 5, 1000])
def test_base64_that_decoders_read_differently_is_not_read(
    raw: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_module, "_CHUNK", chunk)
    assert decode(raw, B64) is None


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_base64_is_read_in_pieces_of_any_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = bytes(range(256))
    raw = encode(octets, B64)
    monkeypatch.setattr(transfer_module, "_CHUNK", chunk)
    assert decode(raw, B64) == octets
    assert edited(raw, [(100, 101)], [b"x"], B64).startswith(raw[:78])


def test_several_places_of_plain_text_are_filled() -> None:
    assert edited(b"Dear {n},\r\nsee {u}", [(5, 8), (15, 18)], [b"\xe8\x8c\xb6", b""], PLAIN) == (
        b"Dear \xe8\x8c\xb6,\r\nsee "
    )


def test_several_places_of_quoted_printable_are_filled_and_the_rest_stays() -> None:
    raw = b"=44ear {n}, caf=C3=A9=\r\n! \t\r\nsee {u} =\r\n"
    assert edited(raw, [(5, 8), (22, 25)], [b"A=B", b"https://x.example/"], QP) == (
        b"=44ear A=3DB, caf=C3=A9=\r\n! \t\r\nsee https://x.example/ =\r\n"
    )


def test_whole_base64_lines_before_the_first_place_stay() -> None:
    raw = encode(bytes(range(200)), B64)
    assert edited(raw, [(150, 150), (180, 190)], [b"footer", b""], B64).startswith(raw[: 2 * 78])
    assert edited(raw, [(200, 200)], [b""], B64) == raw
    assert edited(raw[: 3 * 78], [(171, 171)], [b""], B64) == raw[: 3 * 78]


@pytest.mark.parametrize("width", [4, 10, 62, 75, 500, 5000])
def test_base64_of_any_line_length_is_edited(width: int) -> None:
    octets = b"\x00\xff" * 1001
    flat = encode(octets, B64).replace(b"\r\n", b"")
    raw = b"\r\n".join(flat[start : start + width] for start in range(0, len(flat), width)) + b"\r\n"
    changed = edited(raw, [(len(octets), len(octets))], [b"footer"], B64)
    assert not has_long_line(changed)
    if width < 998:
        assert changed.startswith(raw[: len(raw) - 4 * width - 8])


def test_an_encoded_line_that_no_hop_would_carry_is_encoded_anew() -> None:
    assert longest(edited(b"a" * 1000 + b"=3D", [(0, 0)], [b"x"], QP)) == 76
    assert longest(edited(b"QUFB" * 300, [(900, 900)], [b"x"], B64)) == 76


def test_a_body_without_octets_takes_an_insertion() -> None:
    for transfer in Transfer:
        assert decode(edited(b"", [(0, 0)], [b"x\r\n"], transfer), transfer) == b"x\r\n"
    assert edited(b"\r\n\r\n", [(0, 0)], [b"x"], B64) == b"eA==\r\n"


def test_the_shorter_seven_bit_encoding_is_taken() -> None:
    assert shortest_seven_bit(b"plain text, a = b") is QP
    assert shortest_seven_bit("\u8336\u8336\u8336".encode()) is B64


@given(st.lists(st.sampled_from([b"a" * 497, b"b" * 998, b"\r\n", b"c", b"\r", b"\n"]), max_size=9).map(b"".join))
def test_long_lines_are_found(octets: bytes) -> None:
    assert has_long_line(octets) == (longest(octets) > 998)


@pytest.mark.parametrize("size", [997, 998, 999])
def test_a_long_line_may_stand_behind_a_short_one(size: int) -> None:
    assert has_long_line(b"a" * 500 + b"\r\n" + b"b" * size + b"\r\n" + b"c" * 500) == (size == 999)


_PIECES = [
    *[b"a", b"foo bar", b" ", b"\t", b".", b"=20", b"=3D", b"=0D", b"=0a", b"=E8=8c=B6", b"=\r\n", b"= \t\r\n"],
    *[b"\r\n", b" \r\n", b"\xe3", b"x" * 60, b"x" * 75, b"x" * 76, b"y" * 80, b"z" * 1100],
]
_ENDS = [b"", b"=", b"= ", b"  ", b"=\r\n", b"\r\n"]
_TEXT = st.tuples(st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join), st.sampled_from(_ENDS)).map(b"".join)
_INSERTIONS = st.sampled_from(
    [
        *[
            b"",
            b"x",
            b" ",
            b"a ",
            b".",
            b"=\xff",
            b"\r",
            b"\r\n",
            b"\r\nfooter\r\n",
            b"\t\r\n \r\n",
            b"a" * 74,
            b"a" * 75,
        ],
        *[b"a" * 76, b"a" * 77, b"q" * 76 + b"\r\n", b"\r\n" + b"q" * 76, b"\n" + b"a" * 76, b"\xe8\x8c\xb6" * 30],
        b"https://brand.example/u?t=" + b"k" * 90,
    ]
)


@st.composite
def _base64(draw: st.DrawFn) -> bytes:
    """Lines of any length, white space anywhere, with and without a last line end."""
    octets = draw(st.binary(max_size=60)) * draw(st.sampled_from([1, 1, 7, 40]))
    flat = encode(octets, B64).replace(b"\r\n", b"")
    width = draw(st.sampled_from([1, 3, 4, 60, 72, 75, 76, 77, 990, 5000]))
    between = draw(st.sampled_from([b"\r\n", b"\r\n", b" \r\n", b"\r\n\r\n", b"\r\n\t"]))
    lines = [flat[start : start + width] for start in range(0, len(flat), width)]
    return between.join(lines) + draw(st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b" ", b" \r\n"]))


_Edit = tuple[bytes, Transfer, list[Cut], list[bytes]]


@st.composite
def _edits(draw: st.DrawFn) -> _Edit:
    """Places sorted, none over another, none between the two octets of a line end."""
    transfer = draw(st.sampled_from([QP, QP, B64, PLAIN]))
    raw = draw(_base64() if transfer is B64 else _TEXT)
    octets = decode(raw, transfer)
    assume(octets is not None)
    assert octets is not None
    places = sorted(draw(st.lists(st.integers(0, len(octets)), min_size=2, max_size=8)))
    places = [place + (octets[max(place - 1, 0) : place + 1] == b"\r\n") for place in places]
    cuts = list(zip(places[::2], places[1::2], strict=False))
    return raw, transfer, cuts, [draw(_INSERTIONS) for _ in cuts]


@settings(max_examples=200)
@given(_edits())
def test_what_was_put_in_is_read_at_its_places_and_nothing_else_is_read_anew(edit: _Edit) -> None:
    raw, transfer, cuts, insertions = edit
    changed = edited(raw, cuts, insertions, transfer)
    if not transfer.is_identity:
        assert longest(changed) <= max(76, min(longest(raw), 998))


@settings(max_examples=150)
@given(_edits())
def test_raw_lines_before_and_after_the_places_stay(edit: _Edit) -> None:
    """In base64 those after do not: their octets stand elsewhere in their groups."""
    raw, transfer, cuts, insertions = edit
    assume(longest(raw) <= 76 and transfer is not B64)
    octets = decode(raw, transfer) or b""
    changed = edited(raw, cuts, insertions, transfer)
    starts = [0, *[place + 2 for place in range(len(raw)) if raw.startswith(b"\r\n", place)]]
    before = max(one for one in starts if len(decode(raw[:one], transfer) or b"") <= cuts[0][0])
    assert changed.startswith(raw[:before])
    left = len(octets) - cuts[-1][1]
    after = [one for one in starts if 0 < len(decode(raw[one:], transfer) or b"") <= left]
    if after:
        first_line = len(decode(raw[after[0] :], transfer) or b"")
        assert changed.endswith(
            raw[max(one for one in after if len(decode(raw[one:], transfer) or b"") == first_line) :]
        )


@given(st.binary(max_size=400), st.sampled_from([60, 61, 62, 63, 76]), st.data())
def test_raw_base64_lines_before_the_first_place_stay_but_for_the_last_four(
    octets: bytes, width: int, data: st.DataObject
) -> None:
    flat = encode(octets, B64).replace(b"\r\n", b"")
    raw = b"\r\n".join([flat[start : start + width] for start in range(0, len(flat), width)])
    place = data.draw(st.integers(0, len(octets)))
    lines = place // 3 * 4 // width
    changed = edited(raw, [(place, place)], [b"footer"], B64)
    assert changed.startswith(
        raw[: (lines if width % 4 == 0 else max(lines - 4, 0)) * (width + 2)].removesuffix(b"\r\n")
    )


@given(
    st.lists(st.sampled_from([b"a", b" ", b"=", b"\r\n", b"\xe8", b"\t", b"\n", b"." * 80]), max_size=80).map(b"".join)
)
def test_what_is_encoded_is_decoded_again_and_its_lines_are_legal(octets: bytes) -> None:
    for transfer in Transfer:
        encoded = encode(octets, transfer)
        assert decode(encoded, transfer) == octets
        assert transfer.is_identity or longest(encoded) <= 76


@given(st.binary(max_size=300), st.sampled_from(list(Transfer)))
def test_no_bytes_make_it_fail(raw: bytes, transfer: Transfer) -> None:
    octets = decode(raw, transfer)
    if octets is not None:
        for place in {0, len(octets) // 2, len(octets)}:
            offset = place + (octets[max(place - 1, 0) : place + 1] == b"\r\n")
            opening = opened(raw, octets, [(offset, offset), (offset, len(octets))], transfer)
            assert decode(b"".join(filled(opening, raw, [b"\r\nx\r\n", b""])), transfer) is not None
