from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.message.edits import Edit, applied


def test_what_no_edit_names_is_copied() -> None:
    assert applied(b"abcdef", []) == b"abcdef"
    assert applied(b"abcdef", [(4, 5, b""), (1, 3, b"XYZ"), (6, 6, b"!")]) == b"aXYZdf!"


def test_insertions_at_one_place_keep_their_order_and_stand_before_what_is_replaced_there() -> None:
    assert applied(b"ab", [(1, 2, b"3"), (1, 1, b"1"), (1, 1, b"2")]) == b"a123"


def test_a_replacement_in_pieces_may_hold_views_of_what_stays() -> None:
    content = b"abcdef"
    assert applied(content, [(0, 4, (memoryview(content)[:2], b"-", memoryview(content)[2:4]))]) == b"ab-cdef"


@given(st.binary(), st.lists(st.integers(0, 100), unique=True), st.binary(max_size=3))
def test_the_order_in_which_edits_are_given_does_not_matter(content: bytes, cuts: list[int], new: bytes) -> None:
    places = sorted(min(one, len(content)) for one in cuts)
    edits: list[Edit] = [
        (start, end, new) for start, end in zip(places[::2], places[1::2], strict=False) if start < end
    ]
    expected, position = b"", 0
    for start, end, _ in edits:
        expected += content[position:start] + new
        position = end
    assert applied(content, edits[::-1]) == expected + content[position:]
