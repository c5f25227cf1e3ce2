"""What is written down of a copy: what became of it, and whether it was a contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from journey import MAIL, NEWSLETTER, NOW, RECEIPTS, Stage, on_stage, shadowed
from structlog.testing import capture_logs

from relay.address import Address, address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.decision import Outcome, Result, new_id
from relay.disposal import LastLook
from relay.envelope import Recipient
from relay.message.compose import Undisclosable
from relay.message.index import index
from relay.policy.acceptance import Judged
from relay.policy.decide import decide
from relay.policy.files import load_policies
from relay.reason import Reason
from relay.reply import Reply

ANN = "ann@example.org"
KNOWN = Facts(yes=Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW - timedelta(days=3), "form", live=False))
ASSUMED = Facts(yes=Yes(Basis.ASSUMED, Act.UNKNOWN, NOW - timedelta(days=3), "list", live=False))


async def nothing_speaks_against_it(_: Sequence[Address]) -> None:
    return None


async def outcome_of(
    on: Stage,
    folder: Path,
    stream_id: str = "newsletter",
    facts: Facts = KNOWN,
    last_look: LastLook = nothing_speaks_against_it,
) -> Outcome:
    tx, stream = on.begin(), load_policies(folder / "policies", NOW).by_id[stream_id]
    ann = Recipient(address_from_text(ANN))
    decision = decide(tx, stream, ann.address, facts, NOW, decision_id=new_id(NOW, bytes(10)), after_data=True)
    plan = await on.forwarder.plan(tx, stream, index(MAIL), [ann])
    (outcome,) = await on.forwarder.forward(plan, [Judged(ann, decision, facts)], last_look)
    assert outcome.decision == decision.id
    assert outcome.at >= NOW
    return outcome


def test_a_delivery_is_told_with_its_next_hop_its_answer_and_how_its_reader_was_told(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        outcome = await outcome_of(on, tmp_path)
        assert (outcome.result, str(outcome.reply)) == (Result.DELIVERED, "250 2.0.0 taken as number 1")
        assert outcome.next_hop.startswith("127.0.0.1:")
        assert outcome.seconds > 0
        assert (str(outcome.address), outcome.stream, outcome.footer) == (ANN, "newsletter", "added")
        assert not outcome.silent

    on_stage(tmp_path, story)


@pytest.mark.parametrize(
    ("policy", "stream", "facts", "refused", "contact"),
    [
        (NEWSLETTER, "newsletter", KNOWN, False, True),
        (f'{NEWSLETTER}[migration]\naccept = ["assumed"]\nuntil = 2026-06-01\n', "newsletter", ASSUMED, False, True),
        (NEWSLETTER, "newsletter", KNOWN, True, False),
        (shadowed(NEWSLETTER), "newsletter", KNOWN, False, False),
        (NEWSLETTER, "receipts", NOTHING_KNOWN, False, False),
    ],
)
def test_a_contact_is_what_was_delivered_and_rests_on_a_yes(
    tmp_path: Path, policy: str, stream: str, facts: Facts, *, refused: bool, contact: bool
) -> None:
    async def story(on: Stage) -> None:
        if refused:
            on.hop.answers[ANN] = "550 5.1.1 nobody"
        outcome = await outcome_of(on, tmp_path, stream, facts)
        assert outcome.result is (Result.REFUSED if refused else Result.DELIVERED)
        assert outcome.contact is contact

    on_stage(tmp_path, story, policies={"newsletter": policy, "receipts": RECEIPTS})


def test_what_the_last_look_finds_stops_a_copy_that_was_made_already(tmp_path: Path) -> None:
    asked: list[Sequence[Address]] = []

    async def withdrawn(addresses: Sequence[Address]) -> Reply | None:
        asked.append(addresses)
        return Reply(550, "5.7.1", "withdrawn: a moment ago")

    async def story(on: Stage) -> None:
        outcome = await outcome_of(on, tmp_path, last_look=withdrawn)
        assert (outcome.result, outcome.reply.text) == (Result.WITHHELD, "withdrawn: a moment ago")
        assert [[str(one) for one in addresses] for addresses in asked] == [[ANN]]
        assert not outcome.contact
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_a_copy_that_cannot_tell_its_reader_waits_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.rewriting.copy_for", lambda *_: Undisclosable("no room for a footer"))

    async def story(on: Stage) -> None:
        with capture_logs() as logged:
            outcome = await outcome_of(on, tmp_path)
        assert outcome.result is Result.WITHHELD
        assert outcome.reply.code == 451
        assert outcome.reply.text.startswith(f"{Reason.DISCLOSURE_IMPOSSIBLE}: ")
        assert outcome.reply.text.endswith(": no room for a footer")
        assert on.hop.got == []
        ((message, decision, why),) = [
            (one["message"], one["id"], one["why"]) for one in logged if one["event"] == "undisclosable"
        ]
        assert (len(message), decision, why) == (26, outcome.decision, "no room for a footer")

    on_stage(tmp_path, story)


def test_a_bug_in_making_a_copy_is_told_with_the_message_and_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("bug")

    monkeypatch.setattr("relay.rewriting.copy_for", broken)

    async def story(on: Stage) -> None:
        with capture_logs() as logged:
            outcome = await outcome_of(on, tmp_path)
        assert (outcome.result, outcome.reply.code) == (Result.WITHHELD, 451)
        assert [(len(one["message"]), one["id"]) for one in logged if one["event"] == "internal-error"] == [
            (26, outcome.decision)
        ]

    on_stage(tmp_path, story)
