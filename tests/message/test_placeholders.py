from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.placeholders import NAMES, Context, Fill, fills_in_plain, has_placeholder, written_value


def fill(context: Context, *, name: str = "why", lead: str = "", bare: bool = False) -> Fill:
    return Fill(0, 7, name, context, "{{why}}", lead, bare)


def plain(text: str, values: dict[str, str], *, flowed: bool = False) -> str:
    out, position = "", 0
    for one in fills_in_plain(text.encode(), flowed=flowed):
        out += text[position : one.start] + (written_value(one, values.get(one.name, "")) or "")
        position = one.end
    return out + text[position:]


def test_names_with_and_without_spaces_are_filled_and_unknown_ones_stay() -> None:
    assert plain("{{why}} {{ why }} {{Why}} {{ who }} {why} {{why}", {"why": "tea"}) == (
        "tea tea {{Why}} {{ who }} {why} {{why}"
    )


def test_a_value_is_not_filled_again() -> None:
    assert plain("{{why}}", {"why": "{{sender}}", "sender": "me"}) == "{{sender}}"


def test_no_value_begins_a_quotation_or_a_signature() -> None:
    for value in ("> tea", "From tea", "--"):
        assert plain("{{why}}\r\n", {"why": value}) == f" {value}\r\n"
    assert plain("a {{why}}", {"why": "> tea"}) == "a > tea"


def test_in_flowed_text_nothing_leaves_a_space_at_the_end_of_a_line() -> None:
    assert plain("since {{consent_date}}\r\n", {}, flowed=True) == "since\r\n"
    assert plain("since {{consent_date}}\r\n", {"consent_date": "May"}, flowed=True) == "since May\r\n"
    assert plain("since {{consent_date}}\r\n", {}) == "since \r\n"


def test_the_footer_takes_its_own_line_with_it() -> None:
    [found] = fills_in_plain(b"tea\r\n  {{footer}} \r\nbye", flowed=False)
    assert (found.start, found.end) == (5, len(b"tea\r\n  {{footer}} \r\n"))
    assert fills_in_plain(b"> {{footer}}\r\n", flowed=False) == []


@pytest.mark.parametrize(
    ("context", "value", "expected"),
    [
        (Context.SHOWN, '<b>&amp;"', '&lt;b&gt;&amp;amp;"'),
        (Context.VALUE, "\"'><", "&quot;&#x27;&gt;&lt;"),
        (Context.LINK, "https://a.example/?b&c", "https://a.example/?b&amp;c"),
        (Context.LINK, "a@b.example", "mailto:a@b.example"),
        (Context.LINK, "javascript:alert(1)", ""),
        (Context.LINK, "call us", ""),
        (Context.IN_URL, "https://a.example/?b&c", "https%3A%2F%2Fa.example%2F%3Fb%26c"),
    ],
)
def test_values_are_escaped_for_where_they_stand(context: Context, value: str, expected: str) -> None:
    assert written_value(fill(context), value) == expected


def test_without_quotes_only_plain_links_are_filled() -> None:
    assert written_value(fill(Context.LINK, bare=True), "https://a.example/b") == "https://a.example/b"
    for value in ("https://a.example/'b", "https://a.example/=b", "call us", "https://a.example/`"):
        assert written_value(fill(Context.LINK, bare=True), value) is None


def test_behind_a_less_than_sign_no_value_begins_a_tag() -> None:
    assert written_value(fill(Context.SHOWN, bare=True), "a@b.example") == "&#97;@b.example"
    assert written_value(fill(Context.SHOWN, bare=True), "<a") == "&lt;a"


@given(st.text(max_size=40))
def test_escaped_values_read_as_themselves(value: str) -> None:
    shown, quoted = written_value(fill(Context.SHOWN), value), written_value(fill(Context.VALUE), value)
    assert shown is not None
    assert quoted is not None
    assert "<" not in shown
    assert not set(quoted) & set("<>\"'")
    for written in (shown, quoted):
        if "&" not in value:
            assert unescape(written) == value.strip()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_found(name: str) -> None:
    text = f"{{{{{name}}}}}".encode()
    assert has_placeholder(text)
    assert [one.name for one in fills_in_plain(text, flowed=False)] == [name]


def test_a_message_without_braces_has_none() -> None:
    assert not has_placeholder(b"{ } { why } 100% 7B")
