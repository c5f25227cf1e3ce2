"""Which DKIM signatures of before a change breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.edits import applied
from relay.message.index import index
from relay.message.old_signatures import broken_signatures, old_signatures, signed_names
from relay.message.rules import OldSignatures, Rules


def signature(h: str, domain: str = "a.example") -> str:
    return f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s1;\r\n\th={h};\r\n\tbh=YQ==; b=YWJj\r\n YWJj;\r\n"


def broken(fields: str, *changed: str, body_changed: bool = False) -> list[int]:
    """Which of the DKIM-Signature fields, by number from the top."""
    message = index((fields + "From: a@a.example\r\n\r\nbody\r\n").encode("latin-1"))
    all_of_them = message.head.named("dkim-signature")
    return [all_of_them.index(one) for one in broken_signatures(message, frozenset(changed), body_changed=body_changed)]


def test_a_signature_over_fields_that_stay_holds() -> None:
    assert broken(signature("From:To:Subject"), "list-unsubscribe", "list-id") == []


@pytest.mark.parametrize(
    "h", ["From:List-Unsubscribe", "from : list-unsubscribe", "From:\r\n\t LIST-UNSUBSCRIBE", "list-unsubscribe:from"]
)
def test_one_over_a_field_that_changes_does_not_even_when_it_was_absent(h: str) -> None:
    assert broken(signature(h), "list-unsubscribe") == [0]


def test_only_those_that_break_are_named() -> None:
    fields = signature("From:List-Id") + signature("From") + "X-A: b\r\n" + signature("From:List-Id:List-Id")
    assert broken(fields, "list-id") == [0, 2]


def test_a_changed_body_breaks_all_a_length_in_the_signature_is_no_excuse() -> None:
    fields = signature("From") + signature("From").replace("s=s1", "s=s1; l=4") + "DKIM-Signature: ?\r\n"
    assert broken(fields, body_changed=True) == [0, 1, 2]


def test_who_signed_a_signature_that_goes_goes_with_it() -> None:
    assert broken(signature("From:DKIM-Signature") + signature("From:List-Id"), "list-id") == [0, 1]
    assert broken(signature("From:DKIM-Signature") + signature("From"), "list-id") == []


@pytest.mark.parametrize(
    "value",
    [
        "", "v=1", "v=1; h=", "v=1; h=from:", "v=1; h=from; h=to", "h=from; nonsense", "h=from;; b=x", "h=from; =x",
        "h=from; b=\xfc", "h=from; b=\0", ";",
    ],
)  # fmt: skip
def test_one_that_nobody_can_read_goes(value: str) -> None:
    assert broken(f"DKIM-Signature: {value}\r\n") == [0]


def test_other_signatures_stay() -> None:
    other = (
        "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=x\r\n"
        "ARC-Message-Signature: i=1; h=from:list-id; b=x\r\n"
        "X-Google-DKIM-Signature: v=1; h=from:list-id; b=x\r\nDomainKey-Signature: a=rsa-sha1; h=from:list-id; b=x\r\n"
    )
    assert broken(other, "list-id", body_changed=True) == []


def test_names_of_absent_fields_count_too() -> None:
    assert signed_names(b" v=1; h= From : to:to ;b=x; ") == {"from", "to"}
    assert signed_names(b"h=from\r\n\t:to\r\n ;\r\n") == {"from", "to"}


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(value: bytes) -> None:
    signed_names(value)


@pytest.mark.parametrize(
    "value", [b";" * 100_000, b"h=" + b"a:" * 50_000, b"a=b;" * 30_000, b" " * 100_000, b"h" * 100_000]
)
def test_hostile_signatures_are_read_in_one_pass(value: bytes) -> None:
    assert signed_names(value) == frozenset()


def test_signatures_of_before_go_when_our_change_breaks_them_and_stay_where_the_policy_says_so() -> None:
    broken, whole = "DKIM-Signature: h=from:list-id; b=x\r\n", "DKIM-Signature: h=from; b=x\r\n"
    message = index((broken + "To: b\r\n" + whole + "\r\n").encode())
    rules = Rules(commercial=True)
    edits = old_signatures(message, rules, frozenset({"list-id"}), body_changed=False)
    assert applied(message.content, edits).decode() == "To: b\r\n" + whole + "\r\n"
    assert len(old_signatures(message, rules, frozenset(), body_changed=True)) == 2
    keeping = Rules(commercial=True, old_signatures=OldSignatures.KEEP)
    assert old_signatures(message, keeping, frozenset({"list-id"}), body_changed=True) == []
