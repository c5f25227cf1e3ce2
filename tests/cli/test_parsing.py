from __future__ import annotations

import io
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.lists import Block, ListError, read_list
from relay.cli.parsing import Noted, Parser, Setup
from relay.consent.formats import Format
from relay.consent.known_formats import BY_NAME, OWN
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.rows import RowRules
from relay.policy.files import load_policies
from relay.store.told import Parsed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICIES = load_policies(Path(__file__).parents[2] / "policies")
COLUMNS = ("address", "stream", "basis", "at", "act", "withdrawn_at", "wording")


def parser(form: Format = OWN, columns: tuple[str, ...] = COLUMNS, kind: str = "csv") -> Parser:
    rules = RowRules(
        brands={stream.id: stream.brand for stream in POLICIES.streams},
        now=NOW,
        pseudonyms=Pseudonyms(bytes(32)),
        recorder="import list.csv",
        stream="newsletter",
    )
    return Parser(Setup(kind, columns, ",", form, rules, POLICIES))


def parsed(content: str, made: Parser | None = None, first: int = 2) -> tuple[Parsed, Noted]:
    block: Block = (first, content.encode("utf-8", "surrogateescape"))
    result = (made or parser())(block)
    assert isinstance(result.extra, Noted)
    return result, result.extra


def test_a_block_becomes_rows_for_the_store_and_what_there_is_to_tell() -> None:
    result, noted = parsed(
        "ann@x.example,,double-opt-in,2026-01-01T10:00:00Z,,,Yes\n"
        "bad,,double-opt-in,2026-01-01T10:00:00Z,,,\n"
        "\n"
        "bob@x.example,,single-opt-in,2026-01-01T10:00:00Z,,2026-02-01T10:00:00Z,\n"
        "carl@x.example,gone\n"
        "dora@x.example,gone,,,,2026-02-01T10:00:00Z,\n"
    )
    assert [(row[3], row[2], row[20]) for row in result.told] == [
        ("ann@x.example", "grant", "confirmed deliver"),
        ("bob@x.example", "grant", "basis-not-accepted reject"),
        ("bob@x.example", "withdraw", None),
        ("dora@x.example", "withdraw", ""),
    ]
    assert [(one.line, one.why) for one in noted.refused] == [
        (3, "address: the address has no domain"),
        (6, "has 2 fields, the header has 7"),
    ]
    assert (noted.rows, noted.assumed, noted.adrift) == (5, 1, {"gone"})
    assert noted.kinds == {"grant": 2, "withdraw": 2}
    assert list(result.texts.values()) == ["Yes"]


def test_the_words_of_a_block_go_with_that_block_alone() -> None:
    made = parser()
    row = "ann@x.example,,double-opt-in,2026-01-01T10:00:00Z,,,Yes\n"
    assert parsed(row, made)[0].texts
    assert not parsed(row.replace("Yes", ""), made)[0].texts
    assert parsed(row, made)[0].texts


def test_what_only_the_operator_says_is_counted() -> None:
    form = OWN.changed(constants={"act": "ticked"})
    rows = (
        "ann@x.example,,single-opt-in,2026-01-01T10:00:00Z,,,\nbob@x.example,,written,2026-01-01T10:00:00Z,signed,,\n"
    )
    result, noted = parsed(rows, parser(form))
    assert noted.stated == 1
    assert [row[9] for row in result.told] == [
        "import list.csv; stated by the operator for all rows: act=ticked",
        "import list.csv",
    ]


def test_causes_that_are_not_taken_are_counted() -> None:
    columns = ("status", "reason", "email", "created")
    made = parser(BY_NAME["sendgrid-bounces"], columns)
    result, noted = parsed("4.2.2,full,a@x.example,1700000000\n5.1.1,gone,b@x.example,1700000000\n", made)
    assert noted.refused == []
    assert noted.not_taken == {"soft-bounce": 1}
    assert [row[2] for row in result.told] == ["undeliverable"]


def test_octets_that_are_not_text_come_back_as_they_were() -> None:
    _, noted = parsed("\udcff@x.example,,written,2026-01-01T10:00:00Z,signed,,\n")
    assert noted.refused[0].raw.encode("utf-8", "surrogateescape").startswith(b"\xff@")


def test_it_passes_to_another_process_and_comes_to_the_same_there() -> None:
    row = "ann@x.example,,double-opt-in,2026-01-01T10:00:00Z,,,Yes\n"
    there = pickle.loads(pickle.dumps(parser()))
    assert parsed(row, there)[0].told == parsed(row)[0].told


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["", "address,stream,basis,at,act,withdrawn_at,wording\n", '{"address": "a"}\n']),
)
def test_any_octets_are_parsed_without_an_exception_and_every_record_is_taken_or_told(junk: bytes, head: str) -> None:
    good = b"ann@x.example,newsletter,written,2026-01-01T10:00:00Z,signed,,\n" if head.startswith("address") else b""
    try:
        listed = read_list(io.BytesIO(head.encode() + good + junk + b"\n" + good), "utf-8", lambda _: None)
        made = parser(OWN, listed.columns, listed.kind)
        made = Parser(replace(made._setup, delimiter=listed.delimiter))
        parsed_all = [made(block) for block in listed.blocks]
    except ListError:
        return
    noted = [one.extra for one in parsed_all]
    taken = sum(row[20] is not None for one in parsed_all for row in one.told)
    assert sum(one.rows for one in noted) == taken + sum(len(one.refused) + one.not_taken.total() for one in noted)
    if good and b'"' not in junk:
        assert sum(row[3] == "ann@x.example" for one in parsed_all for row in one.told) >= 2
