"""What is wrong in words of one's own has its files in tests/bad_policies; here is what becomes of sound ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy.problems import problems_of

from relay.config.toml import ProblemsError, parse_document
from relay.message.footer import Disclosure, Footer, FooterFacts, Version
from relay.message.wording import WORDINGS
from relay.policy.files import load_policies
from relay.policy.footers import DATE, MAX_TEMPLATE, check_footers, named_templates, template_from, wordings
from relay.policy.model import FooterWords, Policies, Stream

Load = Callable[..., Policies]
NAMES = ("why", "unsubscribe_url", "stop_address", "sender", "postal_address", "contact", "privacy_policy")
TEXT = "".join(f"{{% if {name} %}}\n{name}: {{{{ {name} }}}}\n{{% endif %}}\n" for name in NAMES)
TEXT += """\
{% if consent_date %}
day: {{ consent_date }}
{% endif %}
{% if consent_source %}
place: {{ consent_source }}
{% endif %}
"""
HTML = re.sub(r"^([^{\n].*)$", r"<p>\1</p>", TEXT, flags=re.MULTILINE).replace("_url }}", '_url | link("x") }}')
FRENCH = '[footer.fr]\ntext = "fr.txt"\nhtml = "words/fr.html"\nwhy = "{{ sender }} envoie {{ purpose }}."\n'
FACTS = FooterFacts(
    sender="Brand K.K.",
    postal_address="1-1 Chiyoda",
    contact="https://brand.example/contact",
    privacy_policy="https://brand.example/privacy",
    purpose="Nouveautés",
    consented_on=date(2026, 3, 9),
    source="https://brand.example/join",
)


@pytest.fixture
def french(tmp_path: Path, newsletter_text: str) -> Path:
    """A folder with a policy that has French words."""
    (tmp_path / "words").mkdir()
    (tmp_path / "fr.txt").write_text(TEXT)
    (tmp_path / "words" / "fr.html").write_text(HTML)
    (tmp_path / "newsletter.toml").write_text(newsletter_text + FRENCH)
    return tmp_path


def only(folder: Path) -> Stream:
    return load_policies(folder).streams[0]


def footer_of(stream: Stream, language: str) -> Footer:
    version = Version(FACTS, wordings(stream.footers)[language], language)
    return Disclosure((version,), "https://relay.example/u/x").footer()


def test_words_of_ones_own_become_the_footer(french: Path) -> None:
    footer = footer_of(only(french), "fr")

    assert "why: Brand K.K. envoie Nouveautés.\n" in footer.plain
    assert "day: 2026-03-09\nplace: https://brand.example/join\n" in footer.plain
    assert "<p>sender: Brand K.K.</p>" in footer.html


def test_what_a_new_language_leaves_out_is_a_date_of_figures(french: Path) -> None:
    assert wordings(only(french).footers)["fr"].date == DATE
    assert wordings(only(french).footers)["fr"].months == ()


@pytest.mark.parametrize("tag", ["en", "en-GB", "ja"])
def test_a_built_in_language_may_replace_single_words(load: Load, newsletter_text: str, tag: str) -> None:
    stream = load(newsletter=newsletter_text + f'[footer.{tag}]\ndate = "{{year}}.{{month}}.{{day}}"\n').streams[0]
    builtin = WORDINGS[tag[:2]]
    found = wordings(stream.footers)[tag]

    assert stream.footers == {tag: FooterWords(date="{year}.{month}.{day}")}
    assert (found.plain, found.html, found.why, found.months) == (
        builtin.plain,
        builtin.html,
        builtin.why,
        builtin.months,
    )
    assert found.date == "{year}.{month}.{day}"


def test_what_the_words_say_is_part_of_the_hash_and_how_the_files_are_called_is_not(french: Path) -> None:
    first = only(french).hash
    (french / "fr.txt").rename(french / "words" / "french.txt")
    policy = french / "newsletter.toml"
    (french / "words" / "fr.html").rename(french / "french.html")
    policy.write_text(policy.read_text().replace("fr.txt", "words/french.txt").replace("words/fr.html", "french.html"))
    assert only(french).hash == first

    template = french / "words" / "french.txt"
    for same in (TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, TEXT.rstrip("\n"), TEXT + "\n\n"):
        template.write_bytes(same.encode())
        assert only(french).hash == first
    template.write_text(TEXT.replace("sender:", "Sender:"))
    assert only(french).hash != first


@pytest.mark.parametrize(
    "change", [("envoie", "vend"), ('why = "', 'date = "{day}.{month}.{year}"\nwhy = "'), ("fr]", "fr-CA]")]
)
def test_every_key_of_the_words_is_part_of_the_hash(french: Path, change: tuple[str, str]) -> None:
    first = only(french)
    policy = french / "newsletter.toml"
    assert change[0] in policy.read_text()
    policy.write_text(policy.read_text().replace(*change))

    assert only(french).hash != first.hash


def test_a_template_is_read_anew_with_its_policy(french: Path) -> None:
    assert "\nsender: Brand K.K." in footer_of(only(french), "fr").plain
    (french / "fr.txt").write_text(TEXT.replace("sender:", "Nom :"))

    assert "\nNom : Brand K.K." in footer_of(only(french), "fr").plain


def test_each_key_knows_its_line(french: Path) -> None:
    stream = only(french)

    assert str(stream.origin("footer.fr.html")) == f"{stream.file}:22"
    assert stream.footers["fr"].html_file == "words/fr.html"


def test_all_that_is_wrong_in_policy_and_templates_is_told_at_once(french: Path) -> None:
    policy = french / "newsletter.toml"
    policy.write_text(policy.read_text().replace("{{ purpose }}", "{{ price }}").replace('"commercial"', '"comercial"'))
    (french / "fr.txt").write_text(TEXT.replace("{{ why }}", "{{ wy }}"))
    (french / "words" / "fr.html").write_text(HTML.replace("{{ contact }}", "{{ contact.__class__ }}"))

    found = problems_of(french)

    assert [line.partition(": ")[0] for line in found] == [
        "fr.txt:2",
        "newsletter.toml:6",
        "newsletter.toml:23",
        "words/fr.html:17",
    ]


BOMBS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ 'x' * 9999999999 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set a = 'x' %}{{ a }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ self }}{{ cycler }}{{ lipsum() }}",
    "{% include 'fr.txt' %}",
    "{% import '/etc/passwd' as x %}",
    "{% extends why %}",
    "{{ why | center(999999999) }}",
    "{{ '%99999999d' % 1 }}",
    "{{ why ~ why }}" + "{{ (" * 2000,
    "{% if " + "not " * 5000 + "why %}x{% endif %}",
    "{% if why %}" * 3000 + "{% endif %}" * 3000,
    "{{ " + "(" * 5000 + "why" + ")" * 5000 + " }}",
    "{{ 'a' if why else " * 3000 + "'b'" + " }}",
    "{% raw %}{{ why }}",
    "{# never closed",
    "{{ why",
    "%}{%",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:30])
@pytest.mark.parametrize("name", ["fr.txt", "words/fr.html"])
def test_a_template_that_would_never_end_or_reach_out_is_refused_at_once(french: Path, name: str, bomb: str) -> None:
    template = french / name
    template.write_text(template.read_text() + bomb)

    (found,) = problems_of(french)

    assert found.startswith(f"{name}:")


@pytest.mark.parametrize("bomb", [bomb for bomb in BOMBS if len(bomb) < 1000], ids=lambda bomb: bomb[:30])
def test_nor_does_one_in_the_sentence_that_says_why(french: Path, bomb: str) -> None:
    policy = french / "newsletter.toml"
    policy.write_text(policy.read_text().replace("{{ purpose }}", bomb))

    (found,) = problems_of(french)

    assert found.startswith("newsletter.toml:23: footer.fr.why: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"x" * (MAX_TEMPLATE + 1), "t.txt: is larger than 65536 octets, shorten it: it stands below each mail"),
        (b"one\ntwo\xff\n", "t.txt:2: there are bytes that are not UTF-8, save the file as UTF-8"),
        ("あ\n".encode("utf-16"), "t.txt:1: there are bytes that are not UTF-8, save the file as UTF-8"),
        (b"one\n\0\n", "t.txt:2: there is a control character, take it out"),
        ("one\u2028two".encode(), "t.txt:1: there is a control character, take it out"),
    ],
)
def test_files_that_are_no_templates(content: bytes, problem: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        template_from("t.txt", content)
    assert [str(one) for one in caught.value.problems] == [problem]


@given(st.binary(max_size=200))
def test_any_file_is_a_text_of_whole_lines_or_refused(content: bytes) -> None:
    try:
        template = template_from("t.txt", content)
    except ProblemsError:
        return
    assert template.text.endswith("\n")
    assert "\r" not in template.text
    assert template_from("t.txt", template.text.encode()).text == template.text


KEYS = st.sampled_from(["text", "html", "why", "date", "x"])
VALUES = st.sampled_from(["a.txt", "../a", "{{ sender }}", "{day}{month}{year}", "", 5, True, None, ["a"], {"a": "b"}])


@given(
    st.dictionaries(st.sampled_from(["ja", "fr", "fr-CA", "FR", "why", ""]), VALUES | st.dictionaries(KEYS, VALUES))
    | VALUES
)
def test_the_checks_take_any_data_without_falling_over(data: object) -> None:
    document = parse_document(Path("p.toml"), b"")
    document.data["footer"] = data

    list(named_templates(document))
    assert all(problem.wrong for problem in check_footers(document, {}))
