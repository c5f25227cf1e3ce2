"""policies/README.md says what the code does: its tables, its examples, its transitions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.config.toml import Table, parse_document
from relay.consent.events import Act, Basis
from relay.consent.facts import Status
from relay.policy import format as policy_format
from relay.policy.expectations import evaluate_given, failures
from relay.policy.figures import FIGURES
from relay.policy.files import load_profiles
from relay.policy.model import Given, Policies, Stream
from relay.policy.profiles import profile_from, resolve
from relay.reason import MEANINGS, Reason, Verdict

MANUAL = (Path(__file__).parents[2] / "policies" / "README.md").read_text()
TABLES: Mapping[str, type[Table]] = {
    "[stream]": policy_format.StreamTable,
    "[sender]": policy_format.SenderTable,
    "[[match]]": policy_format.MatchTable,
    "[consent]": policy_format.ConsentTable,
    "[hold]": policy_format.HoldTable,
    "[message]": policy_format.MessageTable,
    "[footer.LANG]": policy_format.FooterTable,
    "[[internal]]": policy_format.InternalTable,
    "[[expect]]": policy_format.ExpectTable,
    "given": policy_format.GivenTable,
}
EXAMPLES = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)
DAY = timedelta(days=1)
YES = {"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED}


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


#: (from, what happens): the facts before and after
TRANSITIONS: Mapping[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("none", "a yes of an accepted basis, by a clear act"): ({}, {**YES, "granted": DAY}),
    ("none", "a yes of a basis that is not accepted"): ({}, {"basis": Basis.CUSTOMER, "granted": DAY}),
    ("none", "the person is asked to confirm"): ({}, {"requested": DAY}),
    ("pending", "the person confirms"): ({"requested": 2 * DAY}, {"requested": 2 * DAY, **YES, "confirmed": DAY}),
    ("pending", "`confirm_within` passes"): ({"requested": DAY}, {"requested": 8 * DAY}),
    ("confirmed", "mail is delivered"): (
        {**YES, "granted": 300 * DAY},
        {**YES, "granted": 400 * DAY, "last_contact": DAY},
    ),
    ("confirmed", "`stale_after` passes without mail or a new yes"): (
        {**YES, "granted": 300 * DAY},
        {**YES, "granted": 366 * DAY},
    ),
    ("confirmed", "`renew_every` passes in spite of mail"): (
        {**YES, "granted": 700 * DAY, "last_contact": DAY},
        {**YES, "granted": 731 * DAY, "last_contact": DAY},
    ),
    ("confirmed", "a live yes gets no mail within `first_mail_within`"): (
        {**YES, "granted": 6 * DAY, "live": True},
        {**YES, "granted": 8 * DAY, "live": True},
    ),
    ("stale", "a new yes"): ({**YES, "granted": 400 * DAY}, {**YES, "granted": 400 * DAY, "renewed": DAY}),
    ("confirmed", "the person says no"): ({**YES, "granted": 2 * DAY}, {**YES, "granted": 2 * DAY, "withdrawn": DAY}),
    ("withdrawn", "a yes of an import"): ({"withdrawn": 2 * DAY}, {"withdrawn": 2 * DAY, **YES, "granted": DAY}),
    ("confirmed", "the person reports spam"): (
        {**YES, "granted": 2 * DAY},
        {**YES, "granted": 2 * DAY, "complained": DAY},
    ),
    ("confirmed", "the mailbox is permanently refused"): (
        {**YES, "granted": 2 * DAY},
        {**YES, "granted": 2 * DAY, "undeliverable": DAY},
    ),
    ("undeliverable", "a new yes"): ({"undeliverable": 2 * DAY}, {"undeliverable": 2 * DAY, **YES, "granted": DAY}),
}
#: needs an event of the person's own, which [[expect]] has no word for; tests/consent/test_fold.py has the law
ELSEWHERE = {("withdrawn", "the person's own new yes"), ("complained", "the person's own new yes")}


@pytest.mark.parametrize("row", rows(section("Status").partition("Transitions:")[2]), ids=lambda row: " ".join(row[:2]))
def test_a_transition_happens_as_written(newsletter: Stream, now: datetime, row: list[str]) -> None:
    before, what, after = (cell.strip("`") if cell.count("`") == 2 and cell[0] == "`" else cell for cell in row)
    what = row[1]
    if (before, what) in ELSEWHERE:
        assert after == Status.CONFIRMED
        return
    first, second = TRANSITIONS[before, what]

    assert evaluate_given(newsletter, Given(**first), now).status == before
    assert evaluate_given(newsletter, Given(**second), now).status == after


def test_no_transition_is_left_out() -> None:
    written = {(row[0].strip("`"), row[1]) for row in rows(section("Status").partition("Transitions:")[2])}

    assert written == set(TRANSITIONS) | ELSEWHERE


def test_the_examples_load_and_keep_their_expectations(load: Callable[..., Policies], now: datetime) -> None:
    whole = [text for text in EXAMPLES if text.startswith("version = 1\n[stream]")]
    policies = load(**{f"example{number}": text for number, text in enumerate(whole)})

    assert len(policies.streams) == len(whole) >= 2
    assert [failure for stream in policies.streams for failure in failures(stream, now)] == []


def test_the_example_of_a_profile_is_one() -> None:
    (text,) = (text for text in EXAMPLES if "[profile]" in text)

    assert profile_from(parse_document(Path("house.toml"), text.encode())).id == "house"
