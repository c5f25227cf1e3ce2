from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.own_footer import HTML_BEGIN, PLAIN_RULE
from relay.message.wording import WORDINGS, Wording
from relay.message.wording_check import FOOTER_NAMES, WHY_NAMES, problems

ENGLISH = WORDINGS["en"]
NAMES = (
    "unsubscribe_url why sender postal_address contact privacy_policy consent_date consent_source stop_address".split()
)
ALL = "".join(f"{{% if {name} %}}\n{name}: {{{{ {name} }}}}\n{{% endif %}}\n" for name in NAMES)
ALL_HTML = '<div style="font-size:13px">\n' + "".join(
    f"{{% if {name} %}}\n<p>{name}: {{{{ {name} | link }}}}</p>\n{{% endif %}}\n" for name in NAMES
)


def checked(wording: Wording) -> str:
    return "; ".join(map(str, problems(wording)))


def text(source: str) -> str:
    return checked(replace(ENGLISH, plain=source))


def markup(source: str) -> str:
    return checked(replace(ENGLISH, html=source))


@pytest.mark.parametrize("wording", WORDINGS.values(), ids=WORDINGS)
def test_what_is_built_in_can_be_used(wording: Wording) -> None:
    assert checked(wording) == ""


def test_templates_of_ones_own_can_be_used() -> None:
    assert text(ALL) == ""
    assert markup(ALL_HTML + "</div>\n") == ""


def test_a_value_alone_on_its_line_needs_no_condition() -> None:
    assert text(ALL.replace("{% if sender %}\nsender: {{ sender }}\n{% endif %}", "{{ sender }}")) == ""


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_to_be_shown(name: str) -> None:
    row = f"{name}: {{{{ {name} }}}}\n"
    assert text(ALL.replace(row, f"{name}\n")) == f"text, line 1: {name} is not shown"
    row = row.replace(" }}", " | link }}").replace("\n", "</p>")
    shown = "a link to unsubscribe_url" if name == "unsubscribe_url" else name
    assert markup(ALL_HTML.replace(row, "x</p>") + "</div>") == f"html, line 1: {shown} is not shown"


@pytest.mark.parametrize("name", NAMES)
def test_an_item_has_to_be_shown_whatever_the_others_are(name: str) -> None:
    other = "contact" if name != "contact" else "sender"
    for condition, where in (
        (f"{name} and agreed", "where agreed is false"),
        (f"{name} and {other}", f"where there is no {other}"),
        (f"{name} and not {other}", ""),
    ):
        said = text(ALL.replace(f"{{% if {name} %}}", f"{{% if {condition} %}}"))
        assert said == f"text, line 1: {name} is not shown {where}".rstrip()


@pytest.mark.parametrize("name", NAMES)
def test_words_that_make_no_sense_without_their_item_are_noticed_in_their_line(name: str) -> None:
    block = f"{{% if {name} %}}\n{name}: {{{{ {name} }}}}\n{{% endif %}}\n"
    said = text(ALL.replace(block, f"{name}: {{{{ {name} }}}}\n"))
    line = NAMES.index(name) * 3 + 1
    assert (
        said == f"text, line {line}: what stands around {name} stays where there is none: {{% if {name} %}} is missing"
    )
    block = block.replace(f"{name}:", f"<p>{name}:").replace(" }}\n", " | link }}</p>\n")
    said = markup(ALL_HTML.replace(block, f"<p>{{{{ {name} | link }}}}</p>\n") + "</div>")
    assert said.startswith(f"html, line {line + 1}: what stands around {name} stays")


@pytest.mark.parametrize("line", ["> x", "-- ", "--boundary", "From us", ".", "begin 644 x"])
def test_lines_that_mean_something_to_mail_programs_are_refused(line: str) -> None:
    said = text(f"{ALL}{line}\n")
    assert said.startswith(f"text, line {len(NAMES) * 3 + 1}: mail programs see more than text")


def test_a_line_may_begin_with_a_value_which_cannot_do_harm() -> None:
    assert text(ALL.replace("sender: {{ sender }}", "{{ sender }} sends")) == ""


def test_the_marks_are_not_part_of_a_template() -> None:
    assert text(f"{PLAIN_RULE}\n{ALL}").startswith("text, line 1: the rules around the footer")
    assert markup(f"{HTML_BEGIN}\n{ALL_HTML}</div>").startswith("html, line 1: a comment")


@pytest.mark.parametrize("after", [".", ")", "。", "x"])
def test_nothing_may_stick_to_the_link_in_plain_text(after: str) -> None:
    said = text(ALL.replace("{{ unsubscribe_url }}", "{{ unsubscribe_url }}" + after))
    assert said == f"text, line 2: {after} right after unsubscribe_url would be taken for a part of it"
    assert text(ALL.replace("{{ unsubscribe_url }}", "<{{ unsubscribe_url }}>.")) == ""


def test_a_link_can_be_written_by_hand_for_the_page_to_stop_alone() -> None:
    row = "unsubscribe_url: {{ unsubscribe_url | link }}"
    assert markup(ALL_HTML.replace(row, '<a href="{{ unsubscribe_url }}">Stop</a>') + "</div>") == ""
    row = "contact: {{ contact | link }}"
    said = markup(ALL_HTML.replace(row, '<a href="{{ contact }}">Ask</a>') + "</div>")
    assert said == "html, line 15: contact inside a tag; links are written {{ contact | link }}"


def test_html_that_is_not_whole_in_every_case_is_refused() -> None:
    assert markup(ALL_HTML) == "html, line 1: <div> is never closed"
    said = markup(ALL_HTML + "{% if not agreed %}<p>{% endif %}</div>")
    assert said == "html, line 29: </div> where <p> is open"
    said = markup(ALL_HTML + "{% if contact and not why %}</div>{% endif %}</div>")
    assert said == "html, line 29: </div> where nothing is open"


def test_loops_never_run_and_unknown_values_are_named() -> None:
    assert text("{% for i in range(10**9) %}{% endfor %}").startswith("text, line 1: for: only")
    assert text(ALL + "{{ postal_adress }}").endswith("there is no postal_adress; did you mean postal_address?")


def test_the_reason_says_something_in_every_case_and_does_not_ask_for_itself() -> None:
    assert checked(replace(ENGLISH, why="You joined {{ sender }}.")) == ""
    assert checked(replace(ENGLISH, why=" \n")) == "why, line 1: it says nothing"
    assert (
        checked(replace(ENGLISH, why="{% if agreed %}x{% endif %}"))
        == "why, line 1: it says nothing where agreed is false"
    )
    assert checked(replace(ENGLISH, why="\n{{ why }}")).startswith("why, line 2: there is no why")
    assert sorted(FOOTER_NAMES - WHY_NAMES) == ["unsubscribe_url", "why"]


@pytest.mark.parametrize("date", ["{year}-{month:02}-{day:02}", "{day}. {month} {year}", "{year}年{month}月{day}日"])
def test_a_day_can_be_written_in_many_ways(date: str) -> None:
    assert checked(replace(ENGLISH, date=date)) == ""


@pytest.mark.parametrize(
    "date",
    [
        "",
        "{year}-{month}",
        "{year}-{month}-{day} {hour}",
        "{year.__class__}{month}{day}",
        "{{year}-{month}-{day}",
        "%Y",
        "{year}\n{month} {day}",
        "{day:>999}{month}{year}",
        "{year}{month}{day}" + " " * 100,
    ],
)
def test_a_day_that_cannot_be_written_is_noticed(date: str) -> None:
    assert checked(replace(ENGLISH, date=date)).startswith("date, line 1: ")


def test_there_are_twelve_months_or_none() -> None:
    assert checked(replace(ENGLISH, months=("May",))) == "date, line 1: there are twelve months"
    assert checked(replace(ENGLISH, months=("",) * 12)) == "date, line 1: there are twelve months"
    assert checked(replace(ENGLISH, months=())) == ""


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems(Wording("{{ x", "<p>", "", ""))
    assert [one.where for one in found] == ["text", "html", "why", "date"]


def test_the_manual_names_every_value() -> None:
    import relay.message.wording_check

    manual = relay.message.wording_check.__doc__ or ""
    assert [name for name in FOOTER_NAMES if f"    {name} " not in manual] == []
    assert {field.name for field in fields(Wording)} == {"plain", "html", "why", "date", "months"}


_ROWS = [f"{name}: {{{{ {name} }}}}" for name in NAMES]
_BITS = st.sampled_from(
    [
        *_ROWS,
        *(f"{{% if {name} %}}\n{row}\n{{% endif %}}" for name, row in zip(NAMES, _ROWS, strict=True)),
        "{% if agreed %}yes{% else %}no{% endif %}",
        "{{ language }} {{ direction }} {{ purpose }} {{ audience or 'x' }}",
        "{{ 'a' if agreed and why else 'b' }}{# note #}",
        "{% if why == 'x' %}> {% elif sender %}From {% endif %}",
        "",
        "x",
    ]
)


@given(st.permutations(NAMES), st.lists(_BITS, max_size=6), st.sets(st.sampled_from(NAMES)), st.booleans())
def test_what_is_accepted_can_be_rendered_whatever_the_mail_says_itself(
    order: list[str], more: list[str], said: set[str], agreed: bool
) -> None:
    rows = "".join(f"{{% if {name} %}}\n{name}: {{{{ {name} }}}}\n{{% endif %}}\n" for name in order)
    words = replace(ENGLISH, plain=rows + "\n".join(more), why="{{ purpose }} {{ direction }} {{ contact | link }}")
    if checked(words):
        return
    facts = FooterFacts("Brand", "Tokyo", "a@x.example", "https://x.example/", "News", agreed=agreed)
    footer = Disclosure((Version(facts, words, "en"),), "https://x.example/u/k").footer(frozenset(said))
    assert ("why: News ltr a@x.example" in footer.plain) == ("why" not in said)
    assert not re.search(r"(?m)^(?:>|From |--)", footer.plain)


@given(st.text(st.sampled_from("{}%#|()'\" \n-+aeiflnrstuo<>=.[]*1\\p/"), max_size=60))
def test_no_source_makes_it_raise(source: str) -> None:
    assert checked(Wording(source, source, source, source))
