from __future__ import annotations

from datetime import timedelta

import pytest
from store.waiting import ANN, BOB, NOW, Box

from relay.address import address_from_text
from relay.consent.ledger import microseconds
from relay.store.asks import Became
from relay.store.person_asks import Question, read_questions
from relay.store.queries import query

HOUR = timedelta(hours=1)


def asked(box: Box, who: str, stream: str, hours: int, became: Became | None = None) -> None:
    at = microseconds(NOW + hours * HOUR)
    wide = address_from_text(who).wide
    box.do(lambda c: c.execute(query("insert_ask"), ("brand", wide, who, stream, f"01M{hours}", "stale", at, 1, None)))
    if became is not None:
        settle = "UPDATE asks SET result = ?, settled_at = ? WHERE number = (SELECT max(number) FROM asks)"
        box.do(lambda c: c.execute(settle, (became.value, at + 60_000_000)))


def test_every_question_to_a_person_is_told_whatever_became_of_it_and_nobody_elses(box: Box) -> None:
    spelling = "Ann+x@example.org"
    asked(box, ANN, "newsletter", 0, Became.DELIVERED)
    asked(box, BOB, "newsletter", 1, Became.DELIVERED)
    asked(box, spelling, "offers", 2)
    minute = timedelta(minutes=1)
    assert read_questions(box.committer.connection, address_from_text(ANN).wide) == [
        Question("newsletter", ANN, NOW, Became.DELIVERED, NOW + minute),
        Question("offers", spelling, NOW + 2 * HOUR, None, None),
    ]


@pytest.mark.parametrize(
    ("became", "words"),
    [
        (None, "under way"),
        (Became.DELIVERED, "delivered"),
        (Became.FAILED, "not delivered"),
        (Became.DROPPED, "not sent, as it was needed no more"),
    ],
)
def test_what_became_of_a_question_is_said_in_words(became: Became | None, words: str) -> None:
    assert Question("newsletter", ANN, NOW, became, None).words == words
