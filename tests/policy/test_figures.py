from __future__ import annotations

from datetime import timedelta

import pytest

from relay.config.mistakes import Mistake
from relay.consent.events import Basis
from relay.message.rules import Amp, Fallback
from relay.policy.figures import FIGURES
from relay.policy.values import NEVER

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "key",
    [key for key in FIGURES if key.startswith("consent.") and key not in ("consent.accept", "consent.ask_before")],
)
def test_of_two_periods_the_shorter_is_the_stricter_and_never_is_the_loosest(key: str) -> None:
    figure = FIGURES[key]

    assert figure.default is NEVER
    assert figure.strictest(DAY, 2 * DAY) == figure.strictest(NEVER, DAY) == DAY
    assert figure.is_looser(NEVER, DAY)
    assert figure.is_looser(2 * DAY, DAY)
    assert not figure.is_looser(DAY, DAY)


def test_to_ask_sooner_is_the_stricter_and_not_to_ask_the_loosest() -> None:
    figure = FIGURES["consent.ask_before"]

    assert (
        figure.strictest(DAY, 2 * DAY) == figure.strictest(NEVER, 2 * DAY) == figure.strictest(2 * DAY, DAY) == 2 * DAY
    )
    assert figure.is_looser(NEVER, DAY)
    assert not figure.is_looser(2 * DAY, DAY)
    assert figure.advice(DAY) == 'write "24h" or longer'


def test_evidence_is_kept_as_long_as_the_strictest_wants_and_technical_evidence_as_short() -> None:
    evidence, technical = FIGURES["retention.evidence"], FIGURES["retention.technical"]

    assert evidence.strictest(DAY, 2 * DAY) == 2 * DAY
    assert evidence.strictest(NEVER, DAY) is NEVER
    assert evidence.is_looser(DAY, 2 * DAY)
    assert evidence.advice(2 * DAY) == 'write "48h" or longer'
    assert technical.strictest(NEVER, DAY) == technical.strictest(2 * DAY, DAY) == DAY
    assert technical.is_looser(2 * DAY, DAY)


def test_of_two_sets_of_bases_only_what_both_accept_counts() -> None:
    figure = FIGURES["consent.accept"]
    one, other = frozenset({Basis.WRITTEN, Basis.CUSTOMER}), frozenset({Basis.WRITTEN, Basis.ASSUMED})

    assert figure.strictest(one, other) == frozenset({Basis.WRITTEN})
    assert figure.is_looser(one, other)
    assert not figure.is_looser(frozenset({Basis.WRITTEN}), other)


def test_without_any_profile_only_a_clear_yes_counts() -> None:
    assert FIGURES["consent.accept"].default.isdisjoint({Basis.CUSTOMER, Basis.PUBLISHED, Basis.ASSUMED})


def test_not_asking_again_is_the_stricter() -> None:
    figure = FIGURES["hold.ask_again"]

    assert figure.strictest(True, False) is False
    assert figure.is_looser(True, False)
    assert not figure.is_looser(False, True)


@pytest.mark.parametrize("key", ["message.undisclosable", "message.amp"])
def test_of_two_choices_the_one_that_lets_less_leave_without_a_footer_is_the_stricter(key: str) -> None:
    figure = FIGURES[key]
    strictest, middle, loosest = {
        "message.undisclosable": (Fallback.REJECT, Fallback.WRAP, Fallback.HEADERS_ONLY),
        "message.amp": (Amp.UNDISCLOSABLE, Amp.DROP, Amp.KEEP),
    }[key]

    assert figure.strictest(loosest, middle) == figure.strictest(middle, loosest) == middle
    assert figure.strictest(middle, strictest) == strictest
    assert figure.is_looser(loosest, middle)
    assert not figure.is_looser(strictest, middle)
    assert figure.read(str(middle)) is middle
    with pytest.raises(Mistake):
        figure.read("sometimes")


@pytest.mark.parametrize("key", list(FIGURES))
def test_every_figure_writes_its_default_as_the_file_would(key: str) -> None:
    figure = FIGURES[key]
    written = figure.write(figure.default)

    assert written in (
        '["double-opt-in", "single-opt-in", "written"]', '"never"', '"14d"', "true", '"reject"', '"keep"', '"30d"',
    )  # fmt: skip
