from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.html_nesting import place_beside_open_table, visible_place


@pytest.mark.parametrize(
    "page",
    [
        b"<p hidden>x<div>y</div>|",
        b"<div><span hidden>x</div>|",
        b"<ul><li hidden>x</ul>|",
        b"<dl><dt hidden>x<dd>|",
        b"<table><tr><td hidden>x<td>y</table>|",
        b"<table><tr hidden><td>x<tr><td>|",
        b"<table><tbody hidden><tr><td>x</table>|",
        b"<h1 hidden>x</h2>|",
        b"<div><svg></div>|",
        b"|<div hidden>x",
        b"|<div hidden><table><tr><td></div>",
        b"|<b hidden>x<p>y</p>",
        b"<div>|<i hidden>x</div>y",
        b"<div>|<i hidden>x</div><p hidden>y",
        b"|<select><option hidden></div>",
        b"|<noscript><p></noscript2>",
        b"tea|<div hidden><div style='display:none'>",
        b"tea|<li hidden>x<li hidden>y",
        b"|<li hidden><form><li>x",
        b"<template>x</template>|",
        b"|<template><p hidden>x</template>",
    ],
)
def test_what_hides_ends_where_the_standard_says(page: bytes) -> None:
    place = page.replace(b"|", b"")
    assert visible_place(place, len(place)) == page.index(b"|")


def test_a_page_that_hides_itself_has_no_place() -> None:
    assert visible_place(b"<body style='display:none'>tea", 30) == -1


def test_an_attack_on_the_time_has_no_place() -> None:
    page = b"<div hidden>" + b"<object><b>" * 20_000 + b"</b></td>" * 20_000
    assert visible_place(page, len(page)) == -1


@given(st.lists(st.sampled_from("<div> </div> <p> </p> <b> </b> <table> <td> </table> <li> <form> </form> x".split())))
def test_where_nothing_hides_the_place_is_the_place(tags: list[str]) -> None:
    page = "".join(tags).encode()
    assert visible_place(page, len(page)) == len(page)


@pytest.mark.parametrize(
    "page",
    [
        b"<table><tr><td>tea|</td></tr>",
        b"<table><tbody><tr><td>tea<th>1 yen|</th>",
        b"<table><tr><td><table><tr><td>tea</td></tr></table>more|</td>",
        b"<table><tr><td>tea</td></tr></table>|",
        b"<table><tr><td>tea|",
        b"<table><tr><td>tea<tr><td>more|",
        b"<table>|",
        b"<table><tr><td hidden>tea</td></tr>|",
    ],
)
def test_a_table_left_open_between_its_cells_has_its_place_in_the_last_cell(page: bytes) -> None:
    view = page.replace(b"|", b"")
    assert place_beside_open_table(view, len(view)) == page.index(b"|")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(page: bytes) -> None:
    assert 0 <= place_beside_open_table(page, len(page)) <= len(page)
