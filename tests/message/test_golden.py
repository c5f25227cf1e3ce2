"""Every message in tests/golden comes out byte for byte as it stands beside it, and the judge has nothing against it.

NAME.in.eml is what a mailer sent; NAME.out.eml what a recipient gets, before DKIM; NAME.why the reason where it gets
nothing. The name begins with the footer's language and says the policy: `wrap` or `headers-only` for what cannot be
edited (else it is rejected), `amp-drop`, `amp-undisclosable`, `existing-keep`, `existing-combine`, `charset-keep`,
`signatures-keep`, `extra-fields`, `literals` (the values that a template may say word for word); `transactional` is a stream without list fields. What the inputs are is told in
readable words in tests/golden/make.py. With WRITE_GOLDEN=1 the expectations are written anew: read the diff.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from golden.make import MESSAGES
from judge.verdict import violations, words
from rewritten import COMMERCIAL, FACTS, Copy, rewritten

from relay.message.rules import Amp, Existing, ExtraFields, Fallback, OldSignatures, PlainCharset, Rules

GOLDEN: Final = Path(__file__).parent.parent / "golden"
NAMES: Final = sorted(path.name.removesuffix(".in.eml") for path in GOLDEN.glob("*.in.eml"))
EXTRA: Final = ExtraFields(
    feedback_id="brand", cfbl_address="reports@brand.example", precedence="bulk", auto_submitted=True
)


def rules_of(name: str) -> Rules:
    rules = replace(
        COMMERCIAL,
        commercial="transactional" not in name,
        fallback=next((one for one in Fallback if one in name), Fallback.REJECT),
        existing=next((one for one in Existing if f"existing-{one}" in name), Existing.REPLACE),
        amp=next((one for one in Amp if f"amp-{one}" in name), Amp.KEEP),
    )
    if "charset-keep" in name:
        rules = replace(rules, charset=PlainCharset.KEEP)
    if "signatures-keep" in name:
        rules = replace(rules, old_signatures=OldSignatures.KEEP)
    if "-literals-" in name:
        rules = replace(
            rules, literals={"sender": (FACTS["en"].sender,), "postal_address": (FACTS["en"].postal_address,)}
        )
    return replace(rules, extra=EXTRA) if "extra-fields" in name else rules


def outcome(name: str) -> Copy:
    return rewritten((GOLDEN / f"{name}.in.eml").read_bytes(), name[:2], rules_of(name))


def told(copy: Copy) -> tuple[str, bytes]:
    """The suffix of the expectation, and what stands in it."""
    return (".why", f"{copy.why}\n".encode()) if copy.content is None else (".out.eml", copy.content)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_comes_out_as_it_stands_in_the_golden_file(name: str) -> None:
    suffix, produced = told(outcome(name))
    expected = GOLDEN / f"{name}{suffix}"
    if os.environ.get("WRITE_GOLDEN"):
        for other in (".why", ".out.eml"):
            (GOLDEN / f"{name}{other}").unlink(missing_ok=True)
        expected.write_bytes(produced)
    assert produced == expected.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_has_nothing_against_the_golden_file(name: str) -> None:
    copy = outcome(name)
    expected = GOLDEN / f"{name}.out.eml"
    assert expected.exists() == (copy.content is not None)
    if copy.content is not None:
        found = violations((GOLDEN / f"{name}.in.eml").read_bytes(), expected.read_bytes(), copy.promise)
        assert not found, words(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_that_comes_back_gets_no_second_footer(name: str) -> None:
    """Rewriting a rewritten message again, for the same reader, leaves its body as it is.

    Values that have taken the place of a mailer's placeholders look like anybody's words: that copy gets a whole footer.
    """
    first = outcome(name)
    if first.content is None or name.startswith(("en-wrap", "ja-wrap")):
        return
    second = rewritten(first.content, name[:2], rules_of(name))
    assert second.content is not None
    assert not violations(first.content, second.content, second.promise)
    if "-placeholders-" not in name and "-literals-" not in name:
        assert second.content.partition(b"\r\n\r\n")[2] == first.content.partition(b"\r\n\r\n")[2]


def test_no_golden_file_stands_alone() -> None:
    for path in [*GOLDEN.glob("*.out.eml"), *GOLDEN.glob("*.why")]:
        assert path.name.removesuffix(".out.eml").removesuffix(".why") in NAMES


def test_the_inputs_are_what_the_script_says() -> None:
    assert set(NAMES) == set(MESSAGES)
    for name, content in MESSAGES.items():
        assert (GOLDEN / f"{name}.in.eml").read_bytes() == content, name
