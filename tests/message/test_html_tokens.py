from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.message.html_tokens import Kind, attributes, tokens


def kinds(page: bytes) -> list[tuple[str, bytes]]:
    return [(one.kind.name, page[one.start : one.end]) for one in tokens(page)]


def test_text_tags_and_comments_are_told_apart() -> None:
    assert kinds(b"a<b c='>'>d</B ><!-- </b> -->e") == [
        ("TEXT", b"a"),
        ("START", b"<b c='>'>"),
        ("TEXT", b"d"),
        ("END", b"</B >"),
        ("COMMENT", b"<!-- </b> -->"),
        ("TEXT", b"e"),
    ]


def test_less_than_signs_that_begin_nothing_are_text_in_one_piece() -> None:
    assert kinds(b"1 < 2 <3 <<<<{<b>< <= <") == [
        ("TEXT", b"1 < 2 <3 <<<<{"),
        ("START", b"<b>"),
        ("TEXT", b"< <= <"),
    ]


def test_what_scripts_and_titles_hold_is_raw() -> None:
    assert ("RAW", b"'<p>'") in kinds(b"<script>'<p>'</script>")
    assert ("RAW", b"<b>x</b>") in kinds(b"<title><b>x</b></title >")


def test_conditional_comments_and_declarations_are_comments() -> None:
    assert [kind for kind, _ in kinds(b"<!--[if mso]><p>x</p><![endif]--><![if !mso]><?x?></5>")] == ["COMMENT"] * 4


def test_it_ends_where_something_never_ends() -> None:
    for page in (b"tea<!-- x", b"tea<a b='", b"tea<script>x", b"tea<plaintext>x"):
        assert b"x" not in b"".join(text for kind, text in kinds(page) if kind == "TEXT")


def test_of_two_attributes_of_a_name_the_first_counts() -> None:
    page = b"<a HREF='one' href=\"two\" title = x checked>"
    [token] = tokens(page)
    found = [(one.name, page[one.start : one.end], one.quoted) for one in attributes(page, token)]
    assert found == [(b"href", b"one", True), (b"title", b"x", False)]


@given(st.binary(max_size=200))
def test_tokens_of_any_bytes_stand_side_by_side(page: bytes) -> None:
    position = 0
    for token in tokens(page):
        assert token.start == position
        assert token.end > position or token.kind is Kind.RAW
        position = token.end
        for one in attributes(page, token) if token.kind is Kind.START else ():
            assert token.start < one.start <= one.end < token.end
    assert position <= len(page)
