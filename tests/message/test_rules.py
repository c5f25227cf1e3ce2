from __future__ import annotations

from relay.message.rules import Amp, Existing, Fallback, OldSignatures, PlainCharset, Rules


def test_without_a_word_of_the_policy_the_strictest_is_chosen() -> None:
    rules = Rules(commercial=True)
    assert rules.fallback is Fallback.REJECT
    assert rules.existing is Existing.REPLACE
    assert (rules.amp, rules.charset, rules.old_signatures) == (Amp.KEEP, PlainCharset.UTF_8, OldSignatures.REMOVE)
