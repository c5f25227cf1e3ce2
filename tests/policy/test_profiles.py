from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.toml import ProblemsError, parse_document
from relay.consent.events import Basis
from relay.message.rules import Amp, Fallback
from relay.policy.figures import FIGURES
from relay.policy.files import load_profiles
from relay.policy.profiles import SEED, Profile, Rule, profile_from, resolve
from relay.policy.values import NEVER
from relay.reason import MEANINGS, Reason, Verdict

SHIPPED = load_profiles(Path("no such folder"))


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        profile_from(parse_document(Path("p.toml"), text.encode()))
    return [str(problem) for problem in caught.value.problems]


def head(rest: str) -> str:
    return f'version = 1\n[profile]\nid = "p"\ntitle = "P"\n{rest}'


def test_the_shipped_profiles_are_those_of_the_rules() -> None:
    assert set(SHIPPED) == {"seed", "jp", "us", "ca", "eu", "de", "au"}


def test_every_figure_and_promise_has_its_source() -> None:
    for profile in SHIPPED.values():
        assert profile.rules or profile.always
        assert all(rule.source for rule in profile.rules)
        assert all(one.source and one.here for one in profile.always)


def test_seed_has_only_defaults_and_each_law_is_a_limit() -> None:
    assert all(rule.limit is None for rule in SHIPPED[SEED].rules)
    assert [
        (name, rule.key)
        for name, one in SHIPPED.items()
        if name != SEED
        for rule in one.rules
        # an AMP part may say all that the law wants: its sender knows, the relay never looks into it
        if rule.limit is None and rule.key != "message.amp"
    ] == []


DAY = timedelta(days=1)
#: What the rules say about time, each with the profile that has it, as a default (what a policy says nothing of) or as
#: a limit (no policy may be looser). The days of 24 and of 6 months are no more than any such months have.
TIMES = [
    ("seed", "consent.confirmation_sent_within", "default", DAY, "a confirmation mail within 24 hours of the yes"),
    ("seed", "consent.first_mail_within", "default", 7 * DAY, "the first mail within a week"),
    ("seed", "consent.stale_after", "default", 365 * DAY, "a yes of a year ago without contact is worth nothing"),
    ("seed", "consent.renew_every", "default", 730 * DAY, "asked again from time to time, in spite of contact"),
    ("seed", "consent.confirm_within", "default", 7 * DAY, "the person's time to click"),
    ("seed", "consent.ask_before", "default", 30 * DAY, "asking begins 30 days before the end"),
    ("seed", "consent.customer_within", "default", 730 * DAY, "a purchase is no consent for ever"),
    ("seed", "consent.inquiry_within", "default", 180 * DAY, "an inquiry is no consent for ever"),
    ("ca", "consent.customer_within", "limit", 730 * DAY, "implied consent ends 24 months after a purchase"),
    ("ca", "consent.inquiry_within", "limit", 180 * DAY, "implied consent ends 6 months after an inquiry"),
    ("jp", "retention.evidence", "limit", 1096 * DAY, "evidence for three years after the last mail"),
    ("seed", "retention.evidence", "default", 1096 * DAY, "evidence at least three years after the last mail"),
    ("seed", "retention.technical", "default", 365 * DAY, "IP address and user agent with their own retention"),
]


@pytest.mark.parametrize(
    ("profile", "key", "which", "figure", "rule"), TIMES, ids=[f"{one[0]}: {one[4]}" for one in TIMES]
)
def test_each_figure_about_time_is_in_its_profile(
    profile: str, key: str, which: str, figure: timedelta, rule: str
) -> None:
    assert rule
    (found,) = [one for one in SHIPPED[profile].rules if one.key == key]

    assert getattr(found, which) == figure


def test_no_figure_about_time_is_in_a_profile_without_being_named_here() -> None:
    in_profiles = {
        (name, rule.key)
        for name, one in SHIPPED.items()
        for rule in one.rules
        if isinstance(rule.default or rule.limit, timedelta)
    }

    assert in_profiles == {(one[0], one[1]) for one in TIMES}


def test_canada_never_asks_after_the_end_because_implied_consent_that_is_over_is_refused_and_not_held() -> None:
    values = resolve({}, [SHIPPED[SEED], SHIPPED["ca"]]).values
    assert values["consent.customer_within"] == 730 * DAY
    assert values["consent.inquiry_within"] == 180 * DAY
    assert MEANINGS[Reason.BASIS_NOT_ACCEPTED].default is Verdict.REJECT
    longer = {"consent.customer_within": 731 * DAY, "consent.inquiry_within": 183 * DAY}
    assert [one[0] for one in resolve(longer, [SHIPPED["ca"]]).looser] == list(longer)


def test_australia_never_asks_anybody_whose_consent_is_over() -> None:
    (found,) = resolve({"hold.ask_again": True}, [SHIPPED["au"]]).looser
    assert found[0] == "hold.ask_again"
    assert {name for name, one in SHIPPED.items() if any(rule.key == "hold.ask_again" for rule in one.rules)} == {"au"}


def test_japan_keeps_evidence_for_three_years_and_longer_is_allowed() -> None:
    (found,) = resolve({"retention.evidence": 1095 * DAY}, [SHIPPED["jp"]]).looser
    assert found[2] == 'write "1096d" or longer'
    assert resolve({"retention.evidence": NEVER}, [SHIPPED["jp"]]).looser == ()


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - {SEED}))
def test_no_law_lets_mail_pass_without_a_footer_and_none_shows_amp_unasked(name: str) -> None:
    both = [SHIPPED[SEED], SHIPPED[name]]

    (found,) = resolve({"message.undisclosable": Fallback.HEADERS_ONLY}, both).looser
    assert found[0] == "message.undisclosable"
    assert found[2] == 'write "reject" or "wrap"'
    assert resolve({"message.undisclosable": Fallback.WRAP, "message.amp": Amp.KEEP}, both).looser == ()
    assert resolve({}, both).values["message.amp"] is Amp.DROP
    assert resolve({}, both).values["message.undisclosable"] is Fallback.REJECT


def test_the_defaults_are_the_figures_of_seed() -> None:
    values = resolve({}, [SHIPPED[SEED]]).values

    assert values["consent.accept"] == frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})
    assert values["consent.confirmation_sent_within"] == timedelta(hours=24)
    assert values["consent.confirm_within"] == values["consent.first_mail_within"] == timedelta(days=7)
    assert values["consent.stale_after"] == timedelta(days=365)
    assert values["consent.renew_every"] == timedelta(days=730)
    assert values["hold.for"] == timedelta(days=14)
    assert values["hold.ask_again"] is True


def test_the_strictest_of_several_profiles_is_the_default_and_its_source_is_told() -> None:
    resolved = resolve({}, [SHIPPED[name] for name in ("seed", "jp", "de", "au")])

    assert resolved.values["consent.accept"] == frozenset({Basis.DOUBLE_OPT_IN, Basis.WRITTEN})
    assert resolved.values["hold.ask_again"] is False
    assert "profile de, UWG" in str(resolved.origins["consent.accept"])
    assert "profile au, Spam Act" in str(resolved.origins["hold.ask_again"])


def test_a_policy_may_be_looser_than_seed_but_not_than_a_law() -> None:
    written = {"consent.stale_after": timedelta(days=999), "consent.accept": frozenset({Basis.ASSUMED})}

    assert resolve(written, [SHIPPED["seed"]]).looser == ()
    (problem,) = resolve(written, [SHIPPED["seed"], SHIPPED["eu"]]).looser
    assert problem[0] == "consent.accept"


@given(st.permutations(sorted(SHIPPED)), st.integers(0, 7))
def test_the_order_of_profiles_does_not_matter_and_more_of_them_are_never_looser(names: list[str], count: int) -> None:
    some = [SHIPPED[name] for name in names[:count]]
    more = resolve({}, [SHIPPED[name] for name in names]).values
    less = resolve({}, some).values

    assert less == resolve({}, list(reversed(some))).values
    assert all(not figure.is_looser(more[key], less[key]) for key, figure in FIGURES.items())


#: Figures that are times, and what of two the strictest is.
STRICTEST = {
    key: max if key in ("consent.ask_before", "retention.evidence") else min
    for key in FIGURES
    if key.startswith(("consent.", "retention.")) and key != "consent.accept"
}
days = st.integers(1, 9999).map(lambda count: count * DAY)


@given(st.sampled_from(sorted(STRICTEST)), st.lists(st.tuples(st.none() | days, st.none() | days), max_size=4))
def test_of_many_profiles_the_strictest_figure_wins(
    key: str, figures: list[tuple[timedelta | None, timedelta | None]]
) -> None:
    """Against the plain reading: the least (or greatest) of all that anybody says."""
    profiles = [
        Profile(f"p{number}", "", (Rule(key, default, limit, "x", 1),), (), f"p{number}.toml")
        for number, (default, limit) in enumerate(figures)
    ]
    said = [one for pair in figures for one in pair if one is not None]
    without = FIGURES[key].default
    if STRICTEST[key] is max and without is NEVER:
        without = timedelta()  # asking not at all is the loosest

    expected = STRICTEST[key]([*said, without])

    assert resolve({}, profiles).values[key] == (NEVER if expected == timedelta() else expected)


def test_what_is_wrong_in_a_profile_is_told_with_its_line() -> None:
    assert problems_of(head('[[rule]]\nkey = "consent.stale"\nlimit = "1d"\nsource = "x"\n')) == [
        'p.toml:6: rule.key: "consent.stale" is no key that a profile sets, did you mean consent.stale_after?'
    ]
    assert problems_of(head('[[rule]]\nkey = "consent.stale_after"\nlimit = 3\nsource = "x"\n')) == [
        'p.toml:7: rule.limit: 3 is not a duration, write a number and a unit in quotes, "7d", or "never"'
    ]
    assert problems_of(head('[[rule]]\nkey = "consent.stale_after"\nsource = "x"\n')) == [
        "p.toml:5: rule: gives no figure, write default = ... or limit = ..."
    ]
    assert problems_of(head('[[rule]]\nkey = "consent.accept"\ndefault = ["yes"]\nsource = "x"\n'))[0].startswith(
        'p.toml:7: rule.default: "yes" is not known here'
    )
