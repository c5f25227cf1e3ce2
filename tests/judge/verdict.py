"""The judge: a rewritten message against its original, by rules that share no code with the product.

Every rule is a function whose docstring says what has to hold. An empty list means that nothing is wrong.
"""

from __future__ import annotations

from typing import Final

from judge import header_rules, html_rules, structure_rules, text_rules, view_rules, wire_rules
from judge.pairing import Pair, Promise, Violation, pair

RULES: Final = (
    *header_rules.RULES, *structure_rules.RULES, *text_rules.RULES, *view_rules.RULES, *html_rules.RULES, *wire_rules.RULES,
)  # fmt: skip
#: For mail that is no part of a commercial stream, only these.
_ALWAYS: Final = (*header_rules.RULES, *structure_rules.RULES, *wire_rules.RULES)


def violations(original: bytes, rewritten: bytes, promise: Promise) -> list[Violation]:
    """Everything that is wrong with this copy."""
    both = pair(original, rewritten, promise)
    return [one for rule in (RULES if promise.commercial else _ALWAYS) for one in rule(both)]


def words(found: list[Violation]) -> str:
    """For a failing test: one line each."""
    return "\n".join(f"{one.rule} [{one.where}] {one.what}" for one in found)


__all__ = ["RULES", "Pair", "Promise", "Violation", "violations", "words"]
