from __future__ import annotations

from enum import StrEnum

import pytest

from relay.message.rules import Amp, Existing, Fallback, OldSignatures, PlainCharset, Rules
from relay.policy.model import ExistingListUnsubscribe, Undisclosable


@pytest.mark.parametrize(("policy", "ours"), [(Undisclosable, Fallback), (ExistingListUnsubscribe, Existing)])
def test_a_policy_and_the_rewriting_know_the_same_choices(policy: type[StrEnum], ours: type[StrEnum]) -> None:
    assert {one.value for one in policy} == {one.value for one in ours}


def test_without_a_word_of_the_policy_the_strictest_is_chosen() -> None:
    rules = Rules(commercial=True)
    assert rules.fallback is Fallback.REJECT
    assert rules.existing is Existing.REPLACE
    assert (rules.amp, rules.charset, rules.old_signatures) == (Amp.KEEP, PlainCharset.UTF_8, OldSignatures.REMOVE)
