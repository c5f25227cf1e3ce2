from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer import Disclosure, Footer, FooterFacts, Version, _items, _without_link
from relay.message.items import REQUIRED
from relay.message.own_footer import HTML_BEGIN, HTML_END, PLAIN_RULE
from relay.message.wording import WORDINGS, Wording, wording_for
from relay.message.wording_check import problems

URL = "https://mail.brand.example/u/k1.token"
FACTS = FooterFacts(
    sender="Brand K.K.",
    postal_address="1-1 Chiyoda, Tokyo",
    contact="https://brand.example/contact",
    privacy_policy="https://brand.example/privacy",
    purpose="Product news",
    audience="members",
    consented_on=date(2024, 5, 1),
    source="https://brand.example/join",
    stop_address="stop@brand.example",
)
#: Every item with a piece of what it says.
SAID = {
    "unsubscribe_url": URL,
    "why": "Product news",
    "sender": "送信者",
    "postal_address": FACTS.postal_address,
    "contact": FACTS.contact,
    "privacy_policy": FACTS.privacy_policy,
    "consent_date": "2024",
    "consent_source": FACTS.source,
    "stop_address": FACTS.stop_address,
}


def disclosure(language: str = "ja", facts: FooterFacts = FACTS) -> Disclosure:
    return Disclosure((Version(facts, WORDINGS[language], language),), URL)


def inner(footer: Footer) -> list[str]:
    """The lines between the rules."""
    lines = footer.plain.split("\n")
    assert (lines[0], lines[-2], lines[-1]) == (PLAIN_RULE, PLAIN_RULE, "")
    return lines[1:-2]


def render(facts: FooterFacts, url: str, language: str) -> Footer:
    """In the built-in words."""
    spoken, wording = wording_for(language, {})
    return Disclosure((Version(facts, wording, spoken),), url).footer()


def shown(footer: Footer) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", footer.html))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_text_and_html_tell_all_that_has_to_be_told(language: str) -> None:
    footer = render(FACTS, URL, language)
    for value in (
        FACTS.sender,
        FACTS.postal_address,
        FACTS.contact,
        FACTS.privacy_policy,
        FACTS.purpose,
        FACTS.audience,
        FACTS.source,
        FACTS.stop_address,
    ):
        assert value in footer.plain
        assert value in shown(footer)
    assert URL in footer.plain
    assert f'href="{URL}"' in footer.html
    assert ("2024年5月1日" if language == "ja" else "1 May 2024") in footer.plain


def test_a_language_is_known_by_its_first_part_and_english_stands_in() -> None:
    assert render(FACTS, URL, "ja-JP") == render(FACTS, URL, "ja")
    assert render(FACTS, URL, "fr") == render(FACTS, URL, "en")


def test_what_is_unknown_is_left_out_without_a_trace() -> None:
    for language in ("ja", "en"):
        footer = render(replace(FACTS, audience="", consented_on=None, source=""), URL, language)
        assert "consent" not in footer.plain.lower().replace("complaints", "")
        assert "ご同意の記録" not in footer.plain
        assert "\n\n" not in footer.plain
        assert "None" not in footer.plain + footer.html
        assert "()" not in footer.plain


def test_another_basis_than_a_yes_is_not_called_consent() -> None:
    customer = replace(FACTS, agreed=False)
    assert "agreed" not in render(customer, URL, "en").plain
    assert "同意" not in render(customer, URL, "ja").plain


def test_values_are_never_templates_nor_markup() -> None:
    footer = render(replace(FACTS, sender='{{ 7 * 7 }}<b onclick="x">', contact="javascript:alert(1)"), URL, "en")
    assert "{{ 7 * 7 }}" in footer.plain
    assert "<b " not in footer.html
    assert "javascript" not in re.sub(r">[^<]*<", "><", footer.html)


def test_line_breaks_and_control_characters_in_values_become_spaces() -> None:
    footer = render(replace(FACTS, sender="Brand\r\nBcc: x\x1b$B\u2028\u202e"), URL, "en")
    assert "Brand Bcc: x $B" in footer.plain
    assert not set("\r\x1b\u2028\u202e") & set(footer.plain + footer.html)


def test_each_reader_has_their_own_link_and_no_value_can_stand_for_it() -> None:
    facts = replace(FACTS, sender="Brand\0K.K.")
    first, second = render(facts, f"{URL}1?a=1&b=2", "en"), render(facts, f"{URL}2", "en")
    assert first.plain.count(f"{URL}1?a=1&b=2") == second.plain.count(f"{URL}2") == 1
    assert f'href="{URL}1?a=1&amp;b=2"' in first.html
    assert f'href="{URL}2"' in second.html
    assert first.plain.replace(f"{URL}1?a=1&b=2", f"{URL}2") == second.plain
    assert "Brand K.K." in first.plain


def test_the_footer_stands_between_its_marks() -> None:
    footer = disclosure().footer()
    assert footer.plain.count(PLAIN_RULE) == 2
    assert inner(footer)[0].startswith("このメールは")
    assert footer.html.startswith(f"{HTML_BEGIN}\n<div ")
    assert footer.html.endswith(f"</div>\n{HTML_END}\n")


@pytest.mark.parametrize("item", SAID)
def test_what_the_mail_says_itself_is_left_out_and_nothing_else(item: str) -> None:
    whole, footer = disclosure().footer(), disclosure().footer(frozenset({item}))
    for name, words in SAID.items():
        assert (words in "\n".join(inner(footer))) == (name != item), name
        assert ((f'href="{words}"' if name == "unsubscribe_url" else words) in footer.html) == (name != item), name
    if item not in ("consent_date", "consent_source"):  # they share a line
        assert len(inner(footer)) == len(inner(whole)) - (2 if item == "unsubscribe_url" else 1)
        assert footer.html.count("<br>") == whole.html.count("<br>") - 1


@given(st.sets(st.sampled_from([*SAID, "purpose", "audience", "footer"])), st.sampled_from(["ja", "en"]))
def test_whatever_is_said_no_label_stays_without_its_value(said: set[str], language: str) -> None:
    footer = disclosure(language).footer(frozenset(said))
    if said >= SAID.keys():
        assert footer == Footer("", "")
        return
    lines = inner(footer)
    stops = ("Stop these emails", "配信の停止")
    assert not [one for one in lines if re.search(r"[:\uff1a]\Z", one) and not one.startswith(stops)]
    assert "" not in lines
    assert "()" not in footer.plain
    assert not re.search(r"<p[^>]*>\s*</p>|[:\uff1a]\s*</p>|\(\)", footer.html)
    assert any(one in "\n".join(lines) for one in ("https", "Brand", "2024", "stop@", "Tokyo"))


def test_nothing_is_left_where_the_mail_says_all_that_there_is_to_say() -> None:
    assert disclosure(facts=replace(FACTS, consented_on=None, source="", stop_address="")).footer(REQUIRED) == Footer(
        "", ""
    )
    left = disclosure("en", replace(FACTS, source="", stop_address="")).footer(REQUIRED)
    assert inner(left) == ["Your consent: recorded on 1 May 2024"]
    everything = disclosure().footer(frozenset(SAID))
    assert everything == Footer("", "")
    own = replace(WORDINGS["en"], plain="Thank you.\n" + WORDINGS["en"].plain, html="<p>Thank you.</p>")
    assert Disclosure((Version(FACTS, own, "en"),), URL).footer(frozenset(SAID)) == Footer("", "")


def test_items_are_told_one_by_one_in_one_line_and_as_they_are() -> None:
    told = disclosure("en", replace(FACTS, sender="A & B\r\nC"))
    assert told.value("unsubscribe_url") == URL
    assert told.value("sender") == "A & B C"
    assert told.value("why") == 'A & B C sends "Product news" to members who agreed to receive it.'
    assert told.value("consent_date") == "1 May 2024"
    assert told.value("consent_source") == FACTS.source
    assert told.value("footer") == told.value("nonsense") == ""
    nothing = disclosure("en", replace(FACTS, consented_on=None, source="", stop_address="", audience=""))
    assert [nothing.value(name) for name in ("consent_date", "consent_source", "stop_address", "audience")] == [""] * 4


def test_every_version_has_words_of_its_own() -> None:
    ours = Disclosure((Version(FACTS, WORDINGS["ja"], "ja"), Version(FACTS, WORDINGS["en"], "en")), URL)
    assert 'lang="ja"' in ours.footer().html
    assert 'lang="en"' in ours.footer(version=1).html
    assert (ours.value("consent_date"), ours.value("consent_date", 1)) == ("2024年5月1日", "1 May 2024")


def test_days_are_written_as_the_language_does() -> None:
    for language, form, expected in (
        ("ja", "{year}-{month:02}-{day:02}", "2024-05-01"),
        ("ja", "{day}.{month}.{year}", "1.5.2024"),
        ("en", "{month:02} {day}, {year}", "May 1, 2024"),
    ):
        told = Disclosure((Version(FACTS, replace(WORDINGS[language], date=form), language),), URL)
        assert told.value("consent_date") == expected


def test_a_language_from_right_to_left_is_set_so() -> None:
    hebrew = Disclosure((Version(FACTS, WORDINGS["en"], "he-IL"),), URL).footer().html
    assert '<div lang="he-IL" dir="rtl" ' in hebrew
    assert "text-align:right" in hebrew
    assert "text-align:left" in disclosure("en").footer().html


def test_values_of_the_other_direction_are_set_apart_in_the_reason_too() -> None:
    words = replace(WORDINGS["en"], why="يرسل {{ sender }} «{{ purpose }}»\n في {{ direction }}", months=())
    told = Disclosure((Version(FACTS, words, "ar"),), URL)
    assert told.value("why") == "يرسل Brand K.K. «Product news» في rtl"
    footer = told.footer()
    assert 'يرسل <span dir="ltr">Brand K.K.</span> «<span dir="ltr">Product news</span>» في rtl<br>' in footer.html
    assert "«Product news»" in footer.plain
    arabic = disclosure("en", replace(FACTS, sender="شركة")).footer()
    assert 'Sent by: <span dir="rtl">شركة</span><br>' in arabic.html
    assert "<span" not in disclosure().footer().html + disclosure("en").footer().html


def test_words_of_ones_own_are_used_and_their_lines_are_made_harmless() -> None:
    items = "why sender postal_address contact privacy_policy consent_date consent_source stop_address".split()
    own = Wording(
        "{% if unsubscribe_url %}\n<{{ unsubscribe_url }}>\n{% endif %}\n"
        + "".join(f"{{{{ {name} }}}}\n" for name in items),
        '{% if unsubscribe_url %}<p><a href="{{ unsubscribe_url }}">Stop</a></p>{% endif %}'
        + "".join(f"{{% if {name} %}}<p>{{{{ {name} | link }}}}</p>{{% endif %}}" for name in items),
        "> {{ purpose }}",
        "{year}{month}{day}",
    )
    assert problems(own) == ()
    facts = replace(FACTS, sender="From us", postal_address="--x", contact=PLAIN_RULE)
    footer = Disclosure((Version(facts, own, "xx"),), URL).footer()
    assert inner(footer)[:5] == [f"<{URL}>", " > Product news", " From us", " --x", "_" * 8]
    assert "<p>&gt; Product news</p>" in footer.html


def test_a_reason_is_text_and_its_own_signs_are_escaped_in_html() -> None:
    words = replace(WORDINGS["en"], why="Tom & <b>Jerry</b> at {{ sender }}: {{ 'a < b' if agreed else 'c' }}")
    footer = Disclosure((Version(FACTS, words, "en"),), URL).footer()
    assert "Tom & <b>Jerry</b> at Brand K.K.: a < b" in footer.plain
    assert "Tom &amp; &lt;b&gt;Jerry&lt;/b&gt; at Brand K.K.: a &lt; b<br>" in footer.html


def test_readers_share_what_is_the_same_for_all_and_no_more_is_kept_than_a_bound() -> None:
    first, second = (Disclosure((Version(FACTS, WORDINGS["ja"], "ja"),), f"{URL}{n}") for n in (1, 2))
    first.footer()
    before = _without_link.cache_info()
    second.footer()
    after = _without_link.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    for day in range(1, 600):
        disclosure(facts=replace(FACTS, consented_on=date.fromordinal(738_000 + day))).footer()
    assert _without_link.cache_info().currsize <= 512
    assert _items.cache_info().currsize <= 512


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_line_looks_like_a_delimiter_a_quotation_or_an_mbox_line(language: str) -> None:
    footer = render(replace(FACTS, sender="--", purpose=">", audience="From "), URL, language)
    assert not [line for line in footer.plain.split("\n") if line.startswith(("-", ">", "From ", " ", "."))]
    assert not [line for line in footer.plain.split("\n") if line != line.rstrip()]


_VALUE = st.text(st.characters(exclude_categories=[]), max_size=60).flatmap(
    lambda text: st.sampled_from([text, text * 40, f"https://x.example/{text}", "https://x.example/?" + "&" * 400])
)


@given(_VALUE, _VALUE, _VALUE, st.sampled_from(["ja", "en"]), st.sampled_from([20, 299, 860]))
def test_lines_fit_into_mail_whatever_the_values(one: str, two: str, three: str, language: str, length: int) -> None:
    facts = replace(FACTS, sender=one, postal_address=two, contact=three, purpose=three, audience=two, source=one)
    footer = render(facts, "https://mail.brand.example/u/" + "x" * length, language)
    for charset in ("utf-8", "gb18030", "utf-16-be"):
        assert max(len(line.encode(charset)) for line in footer.plain.split("\n")) <= 998 * (1 + (charset > "utf-1"))
    assert max(len(line.encode("iso2022_jp_2", "ignore")) for line in footer.plain.split("\n")) <= 998
    assert max(len(line.encode("ascii", "xmlcharrefreplace")) for line in footer.html.split("\n")) <= 998
    assert not re.search(r"(?m)^(?:>|From |--|\.|begin )", footer.plain)
    assert not re.search(r"(?m)^(?:From |--|\.)|^>", footer.html)
    assert footer.html.count("<div") == footer.html.count("</div>") == 1
    assert not re.search(
        "[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", footer.plain + footer.html
    )
    assert footer.plain.splitlines().count(PLAIN_RULE) == footer.plain.count(PLAIN_RULE) == 2
    assert (footer.html.count(HTML_BEGIN), footer.html.count(HTML_END)) == (1, 1)


def test_a_long_japanese_reason_is_cut_nowhere() -> None:
    facts = replace(FACTS, purpose="新商品と季節のお知らせ" * 12, sender="株式会社ブランド" * 8)
    footer = render(facts, URL, "ja")
    assert facts.purpose in re.sub(r"\n *", "", footer.plain)
    assert facts.purpose in re.sub(r"<!-- \n -->", "", footer.html)
