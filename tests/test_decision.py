from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import address_from_text
from relay.decision import Decision, Outcome, Result, id_at, new_id, refusal, time_of
from relay.reason import PRECEDENCE, Reason, Verdict
from relay.reply import Reply

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PERSON = address_from_text("person@example.org")


def decision(**changes: object) -> Decision:
    fields: dict[str, object] = {
        "id": new_id(NOW, bytes(10)),
        "at": NOW,
        "message": new_id(NOW, bytes(10)),
        "client": "shop",
        "stream": "newsletter",
        "brand": "brand",
        "sender": "news@brand.example",
        "recipient": PERSON,
        "verdict": Verdict.DELIVER,
        "reasons": (Reason.CONFIRMED,),
        "status": "confirmed",
        "facts": {},
        "policy": "",
        "reply": Reply(250, "2.1.5", "ok"),
    }
    return Decision(**{**fields, **changes})  # type: ignore[arg-type]


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - made aware below
    st.timedeltas(min_value=timedelta(milliseconds=2), max_value=timedelta(days=9000)),
    st.binary(min_size=10, max_size=10),
    st.binary(min_size=10, max_size=10),
)
def test_ids_sort_by_time(moment: datetime, later: timedelta, one: bytes, other: bytes) -> None:
    first = moment.replace(tzinfo=UTC)
    assert new_id(first, one) < new_id(first + later, other)
    assert len(new_id(first, one)) == 26


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_the_number_in_the_digits_of_crockford(milliseconds: int, randomness: bytes) -> None:
    number = 0
    for digit in id_at(milliseconds, randomness):
        number = number << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    assert number == milliseconds << 80 | int.from_bytes(randomness)


def test_an_id_keeps_all_of_its_randomness() -> None:
    assert new_id(NOW, b"\0" * 9 + b"\1") != new_id(NOW, b"\0" * 10)
    with pytest.raises(ValueError, match="10 octets"):
        new_id(NOW, b"")


def test_a_decision_without_reason_or_with_a_local_time_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="reason"):
        decision(reasons=())
    with pytest.raises(ValueError, match="UTC"):
        decision(at=NOW.astimezone(timezone(timedelta(hours=9))))


def test_shadow_mode_passes_what_it_would_refuse() -> None:
    assert not decision(verdict=Verdict.REJECT, reasons=(Reason.NO_CONSENT,)).passes
    assert decision(verdict=Verdict.REJECT, reasons=(Reason.NO_CONSENT,), enforced=False).passes


def test_an_outcome_names_its_reason() -> None:
    reply = Reply(451, "4.3.0", "later")
    assert Outcome("id", NOW, Result.DEFERRED, reply).reason is Reason.NEXT_HOP_DEFERRED
    assert Outcome("id", NOW, Result.DELIVERED, Reply(250, "2.0.0", "ok")).reason is None


def test_a_contact_names_whom_it_reached() -> None:
    with pytest.raises(ValueError, match="contact"):
        Outcome("id", NOW, Result.DELIVERED, Reply(250, "2.0.0", "ok"), contact=True)


@pytest.mark.parametrize("after_data", [False, True])
@pytest.mark.parametrize(
    "reason",
    [Reason.WITHDRAWN, Reason.COMPLAINED, Reason.UNDELIVERABLE, Reason.NO_CONSENT, Reason.BASIS_NOT_ACCEPTED],
)
def test_the_recipients_own_state_is_refused_for_good(reason: Reason, *, after_data: bool) -> None:
    reply = refusal(reason, Verdict.REJECT, "newsletter", "01J", after_data=after_data)
    assert (reply.code, reply.enhanced) == (550, "5.7.1")
    assert reply.text.startswith(f"{reason}: ")
    assert reply.text.endswith("(id 01J)")


@pytest.mark.parametrize("reason", [Reason.STREAM_UNKNOWN, Reason.SENDER_NOT_ALLOWED])
def test_the_senders_fault_is_permanent_at_mail_and_temporary_after_data(reason: Reason) -> None:
    assert refusal(reason, Verdict.REJECT, "", "01J", after_data=False).code == 550
    assert str(refusal(reason, Verdict.REJECT, "", "01J", after_data=True)).startswith("451 4.7.1")


@pytest.mark.parametrize(
    ("verdict", "begins"),
    [
        (Verdict.HOLD, "250 2.0.0 held: "),
        (Verdict.DISCARD, "250 2.0.0 not sent: "),
        (Verdict.DEFER, "451 4.7.1 "),
    ],
)
def test_what_is_kept_here_is_accepted_and_the_reply_says_where_it_is(verdict: Verdict, begins: str) -> None:
    for reason in PRECEDENCE:
        reply = str(refusal(reason, verdict, "s", "01J", after_data=True))
        assert reply.startswith(f"{begins}{reason}: ")
        assert reply.endswith("(id 01J)")


def test_our_own_outage_is_451_4_3_0() -> None:
    reply = refusal(Reason.STORE_UNAVAILABLE, Verdict.DEFER, "", "01J", after_data=False)
    assert str(reply).startswith("451 4.3.0")


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_an_id_tells_when_it_was_made(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    told = time_of(new_id(at, bytes(10)))
    assert told is not None
    assert abs(told - at) <= timedelta(milliseconds=1)


@pytest.mark.parametrize("text", ["", "01JD", "8" + "0" * 25, "7" + "Z" * 25, "01jd8qz3t5n8w4x7y2v6r9k0ma", "é" * 26])
def test_what_is_no_id_has_no_time(text: str) -> None:
    assert time_of(text) is None
