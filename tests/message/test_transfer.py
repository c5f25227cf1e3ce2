from __future__ import annotations

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.transfer import (
    Transfer,
    decode,
    encode,
    filled,
    has_long_line,
    opened,
    shortest_seven_bit,
    transfer_of,
)

QP, B64 = Transfer.QUOTED_PRINTABLE, Transfer.BASE64


def put(raw: bytes, offset: int, insertion: bytes, transfer: Transfer) -> bytes:
    octets = decode(raw, transfer)
    assert octets is not None
    return filled(opened(raw, octets, [(offset, offset)], transfer), [insertion])


def test_labels_are_read_and_unknown_ones_refused() -> None:
    assert transfer_of("") is Transfer.SEVEN_BIT
    assert transfer_of("base64") is B64
    assert transfer_of("x-uuencode") is None


@pytest.mark.parametrize("raw", [b"a=b", b"=3", b"=\r", b"a =XY"])
def test_broken_quoted_printable_is_not_guessed_at(raw: bytes) -> None:
    assert decode(raw, QP) is None


@pytest.mark.parametrize("raw", [b"YQ", b"YQ==YQ==", b"Y!Q=", b"YQ===", b"="])
def test_broken_base64_is_not_guessed_at(raw: bytes) -> None:
    assert decode(raw, B64) is None


def test_white_space_that_transport_added_is_no_text() -> None:
    assert decode(b"a \t\r\nb= \r\nc ", QP) == b"a\r\nbc"


def test_only_the_end_of_a_quoted_printable_body_changes() -> None:
    raw = b"caf=C3=A9\r\nlong=\r\n line\r\n"
    assert put(raw, len(decode(raw, QP) or b""), b"\r\nth\xc3\xa9\r\n", QP) == raw + b"\r\nth=C3=A9\r\n"


def test_a_soft_break_at_the_end_of_a_part_is_finished_first() -> None:
    changed = put(b"open=", 4, b"\r\n\r\nfooter\r\n", QP)
    assert decode(changed, QP) == b"open\r\n\r\nfooter\r\n"


def test_white_space_before_an_insertion_in_quoted_printable_survives() -> None:
    changed = put(b"a </body>", 2, b"\r\nfooter\r\n", QP)
    assert decode(changed, QP) == b"a \r\nfooter\r\n</body>"


def test_whole_base64_lines_before_the_insertion_stay() -> None:
    octets = bytes(range(200))
    raw = encode(octets, B64)
    changed = put(raw, 150, b"footer", B64)
    assert decode(changed, B64) == octets[:150] + b"footer" + octets[150:]
    assert changed[: 2 * 78] == raw[: 2 * 78]


@pytest.mark.parametrize("width", [4, 10, 62, 500, 5000])
def test_base64_of_any_line_length_is_edited(width: int) -> None:
    octets = b"\x00\xff" * 1001
    flat = encode(octets, B64).replace(b"\r\n", b"")
    raw = b"\r\n".join(flat[start : start + width] for start in range(0, len(flat), width)) + b"\r\n"
    assert decode(put(raw, len(octets), b"footer", B64), B64) == octets + b"footer"
    assert not has_long_line(put(raw, len(octets), b"footer", B64))


def test_encoded_lines_have_at_most_76_octets_and_hard_breaks_stay() -> None:
    octets = ("\u8336 = tea. " * 40).encode() + b"\r\n" + b"From here \r\n.\r\n"
    for transfer in (QP, B64):
        encoded = encode(octets, transfer)
        assert max(map(len, encoded.split(b"\r\n"))) <= 76
        assert decode(encoded, transfer) == octets
    assert b"=0D" not in encode(octets, QP)
    assert quopri.decodestring(encode(octets, QP)) == octets


def test_the_shorter_seven_bit_encoding_is_taken() -> None:
    assert shortest_seven_bit(b"plain text, a = b") is QP
    assert shortest_seven_bit("\u8336\u8336\u8336".encode()) is B64


_TEXT = st.lists(st.sampled_from([b"a", b" ", b"=", b"\r\n", b"\xe8\x8c\xb6", b"\t", b".", b"\x00"]), max_size=80).map(
    b"".join
)


@given(_TEXT, st.sampled_from(list(Transfer)), st.data())
def test_an_insertion_anywhere_leaves_all_other_octets_alone(
    octets: bytes, transfer: Transfer, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, len(octets)))
    if octets[:offset].endswith(b"\r") and octets[offset:].startswith(b"\n"):
        offset += 1  # nobody inserts into the middle of a line end
    changed = put(encode(octets, transfer), offset, b"\r\nf=\xff\r\n", transfer)
    assert decode(changed, transfer) == octets[:offset] + b"\r\nf=\xff\r\n" + octets[offset:]


@given(st.binary(max_size=300), st.sampled_from(list(Transfer)))
def test_no_bytes_make_it_fail(raw: bytes, transfer: Transfer) -> None:
    octets = decode(raw, transfer)
    if octets is not None:
        for offset in {0, len(octets) // 2, len(octets)}:
            opening = opened(raw, octets, [(offset, offset), (offset, len(octets))], transfer)
            assert decode(filled(opening, [b"\r\nx\r\n", b""]), transfer) is not None
