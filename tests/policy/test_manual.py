"""policies/README.md says what the code does: its tables, its examples, its transitions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from relay.address import Address
from relay.config.toml import Table, parse_document
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Status, Yes
from relay.consent.freshness import expiry_of, runs_out
from relay.message.compose import Common, Copy, Personal, Shown, copy_for, prepare
from relay.message.extra_fields import extra_fields
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import index
from relay.message.items import REQUIRED
from relay.message.own_footer import HTML_BEGIN, PLAIN_RULE
from relay.message.placeholders import NAMES
from relay.message.rules import Amp, Existing, ExtraFields, Fallback, OldSignatures, PlainCharset, Rules
from relay.message.wording import wording_for
from relay.message.wording_check import FOOTER_NAMES, WHY_NAMES
from relay.policy import format as policy_format
from relay.policy.evaluate import evaluate
from relay.policy.expectations import failures
from relay.policy.figures import FIGURES
from relay.policy.files import load_policies, load_profiles
from relay.policy.footers import wordings
from relay.policy.migration import latest_end
from relay.policy.model import Policies, Stream
from relay.policy.profiles import profile_from, resolve
from relay.reason import MEANINGS, Reason, Verdict

MANUAL = (Path(__file__).parents[2] / "policies" / "README.md").read_text()
TABLES: Mapping[str, type[Table]] = {
    "[stream]": policy_format.StreamTable,
    "[sender]": policy_format.SenderTable,
    "[[match]]": policy_format.MatchTable,
    "[consent]": policy_format.ConsentTable,
    "[migration]": policy_format.MigrationTable,
    "[hold]": policy_format.HoldTable,
    "[retention]": policy_format.RetentionTable,
    "[message]": policy_format.MessageTable,
    "[footer.LANG]": policy_format.FooterTable,
    "[[internal]]": policy_format.InternalTable,
    "[[expect]]": policy_format.ExpectTable,
    "given": policy_format.GivenTable,
}
EXAMPLES = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)
DAY = timedelta(days=1)
FACTS = FooterFacts(
    sender="Brand K.K.",
    postal_address="1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan",
    contact="https://brand.example/contact",
    privacy_policy="https://brand.example/privacy",
    purpose="Nouveautés",
    audience="clients",
    consented_on=date(2026, 3, 9),
    source="https://brand.example/join",
    stop_address="stop@brand.example",
)


def section(title: str) -> str:
    return re.split(r"\n##+ ", MANUAL.partition(f"### {title}\n")[2])[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("title", TABLES)
def test_the_keys_of_a_table_are_described_in_the_words_of_the_code(title: str) -> None:
    written = {row[0]: row[2] for row in rows(section(title))}

    assert written == {f"`{info.alias or name}`": info.description for name, info in TABLES[title].model_fields.items()}


def test_the_defaults_are_those_of_seed() -> None:
    values = resolve({}, [load_profiles(Path("no such folder"))["seed"]]).values

    for key, figure in FIGURES.items():
        table, _, name = key.partition(".")
        default = next(row[1] for row in rows(section(f"[{table}]")) if row[0] == f"`{name}`")
        assert default == f"`{figure.write(values[key])}`"


def test_the_table_of_reasons_is_that_of_the_code_in_order_of_precedence() -> None:
    written = rows(MANUAL.partition("\n## Reasons\n")[2].partition("\n## ")[0])

    assert written == [
        [
            f"`{reason}`",
            meaning.default.value,
            ", ".join(verdict for verdict in Verdict if verdict in meaning.allowed) or "fixed",
            meaning.explanation,
            meaning.remedy,
        ]
        for reason, meaning in ((reason, MEANINGS[reason]) for reason in Reason)
    ]


def test_every_status_basis_and_verdict_is_in_its_table() -> None:
    named = {row[0] for row in rows(MANUAL)}

    assert named >= {f"`{word}`" for kind in (Status, Basis, Verdict) for word in kind}


def test_the_examples_load_and_keep_their_expectations(load: Callable[..., Policies], now: datetime) -> None:
    whole = [text for text in EXAMPLES if text.startswith("version = 1\n[stream]")]
    policies = load(**{f"example{number}": text for number, text in enumerate(whole)})

    assert len(policies.streams) == len(whole) >= 2
    assert [failure for stream in policies.streams for failure in failures(stream, now)] == []


def test_the_example_of_a_footer_is_what_such_a_mail_gets() -> None:
    (example,) = (text for text in re.findall(r"```text\n(.*?)```", MANUAL, re.DOTALL) if text.startswith("____"))
    facts = replace(FACTS, purpose="Product news", audience="members", consented_on=date(2026, 3, 3))
    tag, words = wording_for("en", {})

    assert Disclosure((Version(facts, words, tag),), "https://relay.brand.example/u/AbC...").footer().plain == example


@pytest.fixture
def french(tmp_path: Path, newsletter_text: str) -> Stream:
    """The newsletter with the French words of the manual, files and all."""
    (words,) = (text for text in EXAMPLES if "[footer.fr]" in text)
    (tmp_path / "newsletter.toml").write_text(newsletter_text + words)
    files = re.findall(r"`([a-z./]+)`:\n\n```jinja\n(.*?)```", MANUAL, re.DOTALL)
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert len(files) == 2
    return load_policies(tmp_path).streams[0]


@pytest.mark.parametrize("agreed", [True, False])
def test_the_french_example_loads_and_tells_everything(french: Stream, agreed: bool) -> None:
    facts = replace(FACTS, agreed=agreed)
    words = wordings(french.footers)["fr"]
    footer = Disclosure((Version(facts, words, "fr"),), "https://relay.brand.example/u/AbC").footer()

    for text in (footer.plain, footer.html):
        assert "Brand K.K. envoie « Nouveautés »" in text
        assert ("accepté" in text) is agreed
        assert "09/03/2026" in text
        for said in (facts.source, facts.stop_address, facts.postal_address, facts.contact, facts.privacy_policy):
            assert said in text
        assert "https://relay.brand.example/u/AbC" in text
    assert "\n\n" not in footer.plain
    assert footer.html.startswith(HTML_BEGIN + '\n<div lang="fr" dir="ltr"')


def test_every_placeholder_is_in_the_table_and_the_needed_ones_are_marked() -> None:
    table = {row[0].strip("`"): row[2] for row in rows(section("Placeholders in your own templates"))}

    assert set(table) == NAMES
    assert {name for name, needed in table.items() if needed == "yes"} == REQUIRED
    assert set(table) - {"footer"} | {"agreed", "language", "direction"} == FOOTER_NAMES
    assert FOOTER_NAMES - {"why", "unsubscribe_url"} == WHY_NAMES


@pytest.mark.parametrize("kind", ["html", "text"])
def test_the_examples_of_templates_say_it_all_so_no_footer_is_added(kind: str) -> None:
    (example,) = re.findall(rf"```{kind}\n(.*?)```", section("Placeholders in your own templates"), re.DOTALL)
    subtype = "html" if kind == "html" else "plain"
    head = f"From: news@brand.example\nMIME-Version: 1.0\nContent-Type: text/{subtype}; charset=utf-8\n\n"
    tag, words = wording_for("en", {})
    disclosure = Disclosure((Version(FACTS, words, tag),), "https://relay.brand.example/u/AbC")
    prepared = prepare(
        index(f"{head}{example}".replace("\n", "\r\n").encode()),
        Common(b"", b"Date: Mon, 1 Jun 2026 12:00:00 +0000\r\n", b"Message-ID: <a@b.example>\r\n"),
        Rules(commercial=True, list_id="newsletter.brand.example"),
    )

    copy = copy_for(prepared, Personal(disclosure.unsubscribe_url, one_click=True, disclosure=disclosure))

    assert isinstance(copy, Copy)
    assert copy.shown is Shown.OWN_WORDS
    body = copy.content.partition(b"\r\n\r\n")[2].decode()
    assert "{{" not in body
    assert PLAIN_RULE not in body
    assert HTML_BEGIN not in body
    for said in (disclosure.unsubscribe_url, FACTS.sender, FACTS.postal_address, FACTS.contact, FACTS.stop_address):
        assert said in body


def test_the_example_of_a_feedback_id_is_what_is_written() -> None:
    (example,) = re.findall(r"`feedback_id = \"(\w+)\"`: `([^`]+)`", MANUAL)
    fields = extra_fields(ExtraFields(feedback_id=example[0]), "newsletter", "brand", ())

    assert fields == [("feedback-id", f"Feedback-ID: {example[1]}\r\n".encode())]


def test_every_choice_about_the_message_is_explained() -> None:
    part = MANUAL.partition("\n## What is done to the message\n")[2].partition("\n## ")[0]

    for choices in (Existing, Fallback, Amp, OldSignatures, PlainCharset):
        assert [choice for choice in choices if f"`{choice}`" not in part and f'"{choice}"' not in part] in (
            [],
            ["utf-8"],
        )
    for key in policy_format.MessageTable.model_fields:
        assert key in ("unsubscribe_hosts", "refused_after_data") or f"`{key}" in part


def test_the_example_of_a_profile_is_one() -> None:
    (text,) = (text for text in EXAMPLES if "[profile]" in text)

    assert profile_from(parse_document(Path("house.toml"), text.encode())).id == "house"


def test_the_example_of_a_migration_keeps_its_expectations(load: Callable[..., Policies], newsletter_text: str) -> None:
    (table,) = (text for text in EXAMPLES if text.startswith("[migration]"))
    (expects,) = (text for text in EXAMPLES if text.startswith("[[expect]]"))
    (stream,) = load(newsletter=newsletter_text + table + expects).streams

    assert len(stream.expects) == 2
    assert failures(stream, datetime(2030, 1, 1, tzinfo=UTC)) == ()


TIMELINE = re.findall(
    r"^(\d{4}-\d{2}-\d{2})  .+?  +(pending|confirmed|stale) ", section("A newsletter, month by month"), re.MULTILINE
)
TICKED, CLICKED, FIRST_ISSUE, NEXT_ISSUE = (
    datetime(2026, *day, 9, tzinfo=UTC) for day in ((3, 1), (3, 2), (3, 5), (4, 2))
)
TARO_SAID_YES = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, CLICKED, "", live=True)
#: What is known of Taro on each day of the manual's timeline.
OF_TARO: Mapping[str, Facts] = {
    "2026-03-01": Facts(requested_at=TICKED, request_live=True),
    "2026-03-02": Facts(yes=TARO_SAID_YES),
    "2026-03-09": Facts(yes=TARO_SAID_YES),
    "2026-03-05": Facts(yes=TARO_SAID_YES, last_contact_at=FIRST_ISSUE),
    "2026-04-02": Facts(yes=TARO_SAID_YES, last_contact_at=NEXT_ISSUE),
    "2028-02-01": Facts(yes=TARO_SAID_YES, last_contact_at=datetime(2028, 1, 20, tzinfo=UTC)),
    "2028-03-02": Facts(yes=TARO_SAID_YES, last_contact_at=datetime(2028, 2, 20, tzinfo=UTC)),
    "2028-03-05": Facts(yes=TARO_SAID_YES, renewed_at=datetime(2028, 3, 5, tzinfo=UTC)),
    "2027-03-03": Facts(yes=TARO_SAID_YES, last_contact_at=NEXT_ISSUE),
    "2027-04-03": Facts(yes=TARO_SAID_YES, last_contact_at=NEXT_ISSUE),
}


def test_the_timeline_of_a_yes_is_what_happens(newsletter: Stream) -> None:
    """Each day of it at ten in the morning; acts of the day itself happened at nine."""
    assert {day for day, _ in TIMELINE} == set(OF_TARO)
    for day, status in TIMELINE:
        now = datetime.fromisoformat(f"{day}T10:00:00+00:00")
        found = evaluate(newsletter, OF_TARO[day], Address("taro", "example.com"), now)
        assert (day, found.status) == (day, status)


@pytest.mark.parametrize("day", ["2028-02-01", "2027-03-03"])
def test_the_timeline_asks_when_the_forecast_does(newsletter: Stream, day: str) -> None:
    now = datetime.fromisoformat(f"{day}T10:00:00+00:00")
    end = runs_out(OF_TARO[day], newsletter.consent.freshness)

    assert end is not None
    assert end.ask_from is not None
    assert now - 2 * DAY < end.ask_from <= now


def test_the_dates_of_hanako_and_of_the_old_list_are_right(newsletter: Stream) -> None:
    bought = datetime(2026, 1, 10, tzinfo=UTC)
    end = expiry_of(Yes(Basis.CUSTOMER, Act.UNKNOWN, bought, "", live=False), newsletter.consent.freshness)

    assert end is not None
    assert end.ask_from is not None
    assert (end.at.date(), end.ask_from.date()) == (date(2028, 1, 10), date(2027, 12, 11))
    assert latest_end(datetime(2026, 6, 3, tzinfo=UTC), "UTC") >= date(2026, 8, 30)
