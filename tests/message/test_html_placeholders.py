from __future__ import annotations

import pytest

from relay.message.html_placeholders import template_in
from relay.message.placeholders import MAX_FILLS, Context


def found(page: str) -> list[tuple[str, str]]:
    return [(one.name, page[one.start : one.end]) for one in template_in(page.encode()).fills]


def said(page: str) -> set[str]:
    return template_in(page.encode()).said


@pytest.mark.parametrize(
    "page",
    [
        "<!-- {{why}} -->",
        "<!--[if mso]><p>{{why}}</p><![endif]-->",
        "<script>{{why}}</script>",
        "<style>{{why}}</style>",
        "<title>{{why}}</title>",
        "<textarea>{{why}}</textarea>",
        "<a onclick=\"f('{{why}}')\">",
        '<p style="{{why}}">',
        '<iframe srcdoc="{{why}}">',
        '<a href="javascript:f({{why}})">',
        '<a href="java\tscript:f({{why}})">',
        '<a href=" &Tab;java&#10;script&colon;f({{why}})">',
        '<a href="&#106;avascript:{{why}}">',
        '<a href="data:text/html,{{why}}">',
        "<p title={{why}}>",
        "<x{{why}}>",
        "<p {{why}}>",
        "<p {{why}}=x>",
        "{{<b>why</b>}}",
        "{{unknown}}",
        "tea<!-- never closed {{why}}",
        "<plaintext>{{why}}",
        '<a href="{{footer}}">',
        "<blockquote>{{footer}}</blockquote>",
        "<div hidden>{{footer}}</div>",
    ],
)
def test_nothing_is_filled_where_it_would_be_more_than_text(page: str) -> None:
    assert found(page) == []


def test_shown_text_and_quoted_attributes_are_filled() -> None:
    page = "<p title='{{why}}'>{{ sender }}</p><img alt=\"{{sender}}\">"
    assert found(page) == [("why", "{{why}}"), ("sender", "{{ sender }}"), ("sender", "{{sender}}")]


@pytest.mark.parametrize(
    "href",
    [
        '"{{unsubscribe_url}}"',
        "'{{ unsubscribe_url }}'",
        "{{unsubscribe_url}}",
        '"%7B%7Bunsubscribe_url%7D%7D"',
        '"%7b%7b%20unsubscribe_url%20%7d%7d"',
        '"http://{{unsubscribe_url}}"',
        '"https://%7B%7Bunsubscribe_url%7D%7D"',
        "http://{{unsubscribe_url}}",
    ],
)
def test_links_are_filled_as_editors_spell_them_and_count_where_there_is_something_to_click_on(href: str) -> None:
    page = f"<a href={href}>Stop</a>"
    [fill] = template_in(page.encode()).fills
    assert page[fill.start : fill.end] == href.strip("\"'")
    assert fill.context is Context.LINK
    assert said(page) == {"unsubscribe_url"}


@pytest.mark.parametrize(
    "page",
    [
        "<a href='{{unsubscribe_url}}'></a>",
        "<a href='{{unsubscribe_url}}'> &nbsp;\u200b</a>tea",
        "<a href='{{unsubscribe_url}}'><span hidden>Stop</span></a>tea",
        "<a href='{{unsubscribe_url}}'><img src=x></a>tea",
        "<a href='{{unsubscribe_url}}'><img alt=' '></a>tea",
        "<a href='https://track.example/?to={{unsubscribe_url}}'>Stop</a>",
        "<a title='{{unsubscribe_url}}'>Stop</a>",
        "<link href='{{unsubscribe_url}}'>Stop",
        "<div style='display:none'><a href='{{unsubscribe_url}}'>Stop</a>{{unsubscribe_url}}</div>",
        "<select><option>{{unsubscribe_url}}</select>",
        "<a href='x' href='{{unsubscribe_url}}'>Stop</a>",
    ],
)
def test_what_no_reader_sees_is_not_said(page: str) -> None:
    assert said(page) == set()


def test_hidden_text_is_filled_all_the_same() -> None:
    assert found("<div style='display:none'>{{why}}</div>") == [("why", "{{why}}")]


def test_a_picture_with_words_is_something_to_click_on() -> None:
    assert said("<a href='{{contact}}'><img alt='Write to us'></a>") == {"contact"}


def test_a_mail_link_is_filled_with_its_scheme() -> None:
    page = "<a href='mailto:{{contact}}?subject=tea'>Write</a>"
    assert found(page) == [("contact", "mailto:{{contact}}")]
    assert said(page) == {"contact"}


def test_a_less_than_sign_of_the_text_before_it_is_seen() -> None:
    assert [one.bare for one in template_in(b"Tea <{{contact}}> {{contact}}").fills] == [True, False]


def test_a_less_than_sign_before_a_value_that_may_be_empty_stands_before_the_next_one() -> None:
    page = b"<{{stop_address}}{{ consent_date }}{{consent_source}} {{why}}{{why}}"
    assert [one.bare for one in template_in(page).fills] == [True, True, True, False, False]


def test_later_in_a_url_a_value_is_a_part_of_it() -> None:
    [fill] = template_in(b"<a href='https://a.example/?q={{why}}'>x</a>").fills
    assert fill.context is Context.IN_URL


def test_so_many_are_never_meant() -> None:
    for page in (
        b"{{why}}" * 150_000,
        b"<a href='" + b"{{unsubscribe_url}}" * 60_000 + b"'>x</a>",
        b"<a href='" + b"&#" * 100_000 + b"{{unsubscribe_url}}" * 20_000 + b"'>x</a>",
        b"<a title='" + b"{{" * 500_000 + b"'>",
        b"%7B%7B" * 100_000,
        b"<a href='" + b"{{%20" * 100_000 + b"'>",
        b"<a href={{unsubscribe_url}}>" + b"&nbsp;" * 100_000 + b"<b>" * 100_000,
    ):
        template = template_in(page)
        assert len(template.fills) <= MAX_FILLS
