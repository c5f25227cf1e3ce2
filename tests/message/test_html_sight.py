from __future__ import annotations

import pytest

from relay.message.html_sight import Sight, has_words, is_blank
from relay.message.html_tokens import Kind, tokens


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        (b" \r\n\t", True),
        (b"&nbsp;&#8203; &zwnj;", True),
        ("\u00a0\u200b".encode(), True),
        (b"&amp;", False),
        (b" x ", False),
    ],
)
def test_white_space_in_any_spelling_is_blank(text: bytes, *, blank: bool) -> None:
    assert is_blank(text) is blank


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        (b"<img alt='Stop'>", True),
        (b"<img alt='&nbsp;'>", False),
        (b"<img src=x>", False),
        (b"<input alt=Stop>", False),
    ],
)
def test_a_picture_speaks_by_its_alternative_text(tag: bytes, *, words: bool) -> None:
    [token] = tokens(tag)
    assert has_words(tag, token) is words


@pytest.mark.parametrize(
    ("name", "attributes", "hides"),
    [
        (b"div", b" style='display : none'", True),
        (b"p", b" hidden", True),
        (b"p", b" class=hidden", False),
        (b"span", b' style="font-size:0.0px"', True),
        (b"span", b' style="font-size:0.5em"', False),
        (b"img", b" hidden", False),
        (b"template", b"", True),
        (b"svg", b"", True),
        (b"svg", b" /", False),
        (b"button", b" /", True),
        (b"details", b"", True),
        (b"details", b" title='open'", True),
        (b"details", b" OPEN", False),
        (b"dialog", b" id=x", True),
        (b"progress", b"", True),
    ],
)
def test_an_element_hides_by_its_name_or_its_attributes(name: bytes, attributes: bytes, *, hides: bool) -> None:
    assert Sight().hides(name, attributes) is hides


def test_sight_counts_tags_of_the_same_name() -> None:
    sight = Sight()
    sight.opened(b"div", b" style='display:none'", 5)
    sight.opened(b"div", b"", 9)
    sight.closed(b"div")
    assert (sight.hidden, sight.since) == (b"div", 5)
    sight.closed(b"div")
    assert not sight.hidden
    assert not sight.doubt


def test_what_was_left_open_inside_something_hidden_casts_doubt() -> None:
    sight = Sight()
    sight.opened(b"p", b" hidden", 0)
    sight.opened(b"div", b" hidden", 5)
    sight.closed(b"p")
    assert not sight.hidden
    assert sight.doubt


def seen(page: bytes) -> list[bytes]:
    """The texts that a reader sees."""
    sight, texts = Sight(), []
    for token in tokens(page):
        if token.kind is Kind.TEXT and not sight.hidden:
            texts.append(page[token.start : token.end])
        elif token.kind is Kind.START:
            sight.opened(token.name, page[slice(*token.attributes)], token.start)
        elif token.kind is Kind.END:
            sight.closed(token.name)
    return texts


def test_text_with_a_size_of_its_own_is_seen_in_a_table_that_has_none() -> None:
    page = (
        b"a<td style='font-size:0'>b<div style='font-size:0'><table><td style='font-size:0px'>c"
        b"<div style='font-size:13px'>d<div>e<td>f</td></div>g<p hidden>h</p>i</div>j</td></table></div>k</td>l"
    )
    assert seen(page) == [b"a", b"d", b"e", b"f", b"g", b"i", b"l"]


def test_a_size_does_not_show_what_something_else_hides() -> None:
    assert seen(b"<p style='display:none'>a<b style='font-size:13px'>b</b></p>c") == [b"c"]
    assert seen(b"<p style='font-size:0'>a<i hidden>b<b style='font-size:13px'>c</b></i></p>d") == [b"d"]


def test_the_end_of_what_is_small_ends_what_was_left_open_in_it() -> None:
    assert seen(b"<div style='font-size:0'>a<b style='font-size:13px'>b</div>c") == [b"b", b"c"]
    page = b"<div style='font-size:0'>a<b style='font-size:13px'>b</div><div style='font-size:0'>c</div>d"
    assert seen(page) == [b"b", b"d"]


def test_however_often_it_goes_back_and_forth_it_ends() -> None:
    page = b"<b style='font-size:0'><i style='font-size:13px'>" * 1000
    assert seen(page + b"a" + b"</i></b>" * 1000 + b"b") == [b"b"]
