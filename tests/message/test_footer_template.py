from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer_template import (
    LINK,
    MAX_SHOWN,
    MAX_SOURCE,
    compiled,
    compiled_sentence,
    html_link,
    problems_of,
    set_apart,
)

NAMES = frozenset(("sender", "contact", "agreed"))


def text(source: str, **values: object) -> str:
    assert problems_of(source, NAMES, html=False) == []
    return compiled(source, html=False).render(**{"sender": "", "contact": "", "agreed": True, **values})


def test_a_line_of_nothing_but_tags_leaves_no_line_behind() -> None:
    source = "A\n{% if sender %}\nBy: {{ sender }}\n{% endif %}\n  {# why #} {% if not sender %} \nC\n{% endif %}\nB\n"
    assert text(source, sender="Brand") == "A\nBy: Brand\nB\n"
    assert text(source) == "A\nC\nB\n"


def test_a_line_that_ends_in_a_tag_keeps_its_end() -> None:
    assert text("A{% if agreed %} yes{% endif %}\nB\n") == "A yes\nB\n"
    assert text("A {# note #}\nB\n") == "A \nB\n"
    assert text("A{% if agreed -%}\n yes{% endif +%}\nB\n") == "Ayes\nB\n"


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_files_of_every_machine_read_the_same(ends: str) -> None:
    source = "\ufeffA\n{% if sender %}\nBy{% if agreed %}: {{ sender }}{% endif %}\n{% endif %}\nB\n"
    assert text(source.replace("\n", ends), sender="Brand") == "A\nBy: Brand\nB\n"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("{% for i in range(10**9) %}x{% endfor %}", 1, "for: only"),
        ("\n{{ 'a' * 10**9 }}", 2, "mul: only"),
        ("\n\n{{ sendr }}", 3, "there is no sendr; did you mean sender?"),
        ("{{ config }}", 1, "there is no config; there are agreed, contact, sender"),
        ("{{ sender.__class__ }}", 1, "getattr: only"),
        ("{{ sender['x'] }}", 1, "getitem: only"),
        ("{{ cycler('a') }}", 1, "call: only"),
        ("{% include '/etc/passwd' %}", 1, "include: only"),
        ("{% import 'x' as y %}", 1, "import: only"),
        ("{% extends 'x' %}", 1, "extends: only"),
        ("{% macro m() %}{% endmacro %}", 1, "macro: only"),
        ("{% set sender = 'x' %}", 1, "assign: only"),
        ("{% autoescape false %}{{ sender }}{% endautoescape %}", 1, "scope: only"),
        ("{% filter link %}x{% endfilter %}", 1, "filterblock: only"),
        ("{{ sender | safe }}", 1, "there is no filter safe"),
        ("{{ sender | link(words='x') }}", 1, "link is written"),
        ("{{ sender | link('a', 'b') }}", 1, "link is written"),
        ("{{ sender | link(contact) }}", 1, "link is written"),
        ("{{ 'javascript:x' | link }}", 1, "link is written"),
        ("{{ sender is defined }}", 1, "test: only"),
        ("{% if sender > contact %}{% endif %}", 1, "a comparison"),
        ("{{ 1 }}", 1, "a number"),
        ("{% if x", 1, "not a template: "),
        ("{% endif %}", 1, "not a template: "),
        ("{{ " + "(" * 5000 + "sender" + ")" * 5000 + " }}", 1, "longer than"),
        ("{{ " + "(" * 3000 + "sender" + ")" * 3000 + " }}", 1, "not a template: nested too deep"),
        ("{{ " + "not " * 2000 + "sender }}", 1, "not a template: nested too deep"),
        ("{{ 1" + "0" * 5000 + " }}", 1, "not a template: "),
        ("{{ " + " and ".join(["sender"] * 30) + " }}", 1, "nested too deep"),
        ("{% if sender %}" * 30 + "{% endif %}" * 30, 1, "nested too deep"),
        ("x" * (MAX_SOURCE + 1), 1, "longer than"),
        ("{{ sender }}" * (MAX_SHOWN + 1), 1, "more than 60 values"),
        ("a\n\0", 2, "a character that cannot be seen: U+0000"),
        ("a\n\u202e", 2, "a character that cannot be seen: U+202E"),
    ],
)
def test_what_is_not_part_of_it_is_said_with_its_line(source: str, line: int, words: str) -> None:
    assert [(at, what.startswith(words)) for at, what in problems_of(source, NAMES, html=True)][:1] == [(line, True)]


def test_values_are_escaped_in_html_and_never_read_as_templates() -> None:
    values = {"sender": "{{ 7 * 7 }}<b>", "contact": "", "agreed": True}
    assert compiled("{{ sender }}", html=True).render(values) == "{{ 7 * 7 }}&lt;b&gt;"
    assert compiled("{{ sender ~ '<i>' }}", html=True).render(values) == "{{ 7 * 7 }}&lt;b&gt;&lt;i&gt;"
    assert compiled("{{ sender }}", html=False).render(values) == "{{ 7 * 7 }}<b>"


def test_a_sentence_in_html_is_escaped_whole() -> None:
    made = compiled_sentence("<b>&{% if agreed %} {{ sender }}{% endif %}\n")
    assert made.render(sender="<i>", agreed=True) == "&lt;b&gt;&amp; &lt;i&gt;\n"


def test_in_plain_text_a_link_is_its_address() -> None:
    assert text('{{ contact | link("here") }}', contact="https://x.example/") == "https://x.example/"


@pytest.mark.parametrize("address", ["https://x.example/?a=1&b=2", "http://x.example/", LINK])
def test_what_can_be_a_link_is_one(address: str) -> None:
    escaped = address.replace("&", "&amp;")
    assert str(html_link(address)).startswith(f'<a href="{escaped}" ')
    assert str(html_link(address)).endswith(f">{escaped}</a>")
    assert str(html_link(address, "<here>")).endswith(">&lt;here&gt;</a>")


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//x.example",
        "https://",
        "a b@x.example",
        "03-1234-5678",
        "",
        "x" * 999,
        "https://x.example/ y",
        "https://x.example/" + "&" * 400,
        "https://x.example/\u202e",
    ],
)
def test_what_cannot_be_a_link_is_only_shown(value: str) -> None:
    assert "<a " not in html_link(value)


def test_a_mail_address_is_a_link_to_write_to() -> None:
    assert 'href="mailto:stop@x.example"' in html_link("stop@x.example")


@pytest.mark.parametrize(
    ("text", "around", "expected"),
    [
        ("Brand K.K. <1-1>", "ltr", "Brand K.K. &lt;1-1&gt;"),
        ("株式会社ブランド 1-1", "ltr", "株式会社ブランド 1-1"),
        ("03-1234", "ltr", "03-1234"),
        ("شركة 1", "ltr", '<span dir="rtl">شركة 1</span>'),
        ("A شركة", "ltr", '<span dir="ltr">A شركة</span>'),
        ("شركة", "rtl", "شركة"),
        ("1-1 Chiyoda", "rtl", '<span dir="ltr">1-1 Chiyoda</span>'),
        ("شركة K.K.", "rtl", '<span dir="rtl">شركة K.K.</span>'),
        ("03-1234", "rtl", '<span dir="ltr">03-1234</span>'),
        ("", "rtl", ""),
        ("<&>", "rtl", "&lt;&amp;&gt;"),
    ],
)
def test_words_of_the_other_direction_are_set_apart_in_html_alone(text: str, around: str, expected: str) -> None:
    value = set_apart(text, around)
    assert compiled("{{ x }}", html=True).render(x=value) == expected
    assert compiled("{{ x }}", html=False).render(x=value) == text
    assert value == text


def test_a_link_is_made_of_the_words_and_shows_them_set_apart() -> None:
    link = str(html_link(set_apart("https://x.example/", "rtl")))
    assert link.startswith('<a href="https://x.example/" ')
    assert link.endswith('><span dir="ltr">https://x.example/</span></a>')


@given(st.text(st.sampled_from("{}%#|()'\" \n-+aeiflnrstuo<>=.[]*1\\"), max_size=60))
def test_no_source_makes_it_raise_and_what_it_accepts_compiles(source: str) -> None:
    if not problems_of(source, NAMES, html=True):
        values = {"sender": "Brand", "contact": "x", "agreed": True}
        assert isinstance(compiled(source, html=True).render(values), str)
