"""Most checks have a file in tests/bad_policies; here is what one bad file cannot show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.toml import Document, parse_document
from relay.consent.events import Basis
from relay.policy.checks import check_document, check_together, profiles_of, written_figures
from relay.policy.files import load_profiles
from relay.policy.model import Policies

PROFILES = load_profiles(Path("no such folder"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Load = Callable[..., Policies]


def document(text: str, name: str = "p.toml") -> Document:
    return parse_document(Path(name), text.encode())


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_defaults_of_a_profile_satisfy_its_own_limits(load: Load, newsletter_text: str, profile: str) -> None:
    text = newsletter_text.replace('kind = "commercial"', f'kind = "commercial"\nprofiles = ["{profile}"]')

    assert profile in load(newsletter=text).streams[0].profiles


def test_seed_takes_part_whether_named_or_not() -> None:
    assert [one.id for one in profiles_of({}, PROFILES)] == ["seed"]
    assert [one.id for one in profiles_of({"stream": {"profiles": ["jp", "seed"]}}, PROFILES)] == ["seed", "jp"]


def test_figures_that_cannot_be_read_are_left_to_those_who_tell_of_them() -> None:
    data = {"consent": {"accept": ["written"], "stale_after": 5}, "hold": "x"}

    assert written_figures(data) == {"consent.accept": frozenset({Basis.WRITTEN})}


def test_profiles_that_together_leave_nothing_are_a_problem() -> None:
    text = """
[profile]
id = "x"
title = "x"
"""
    only_customers = document(
        f'version = 1\n{text}[[rule]]\nkey = "consent.accept"\nlimit = ["customer"]\nsource = "x"\n'
    )
    from relay.policy.profiles import profile_from

    profiles = {**PROFILES, "x": profile_from(only_customers)}
    policy = document('[stream]\nkind = "commercial"\nprofiles = ["x"]\n')

    assert "p.toml:3: stream.profiles: these profiles together leave no basis that counts as consent" in "\n".join(
        map(str, check_document(policy, profiles, NOW))
    )


def test_ids_that_are_no_text_do_not_clash() -> None:
    assert not list(check_together([document("[stream]\nid = 5\n"), document("[stream]\nid = 5\n")]))


toml_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "commercial", "system", "never", "no-consent", "reject"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["basis", "given", "x"]), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "stream",
                "sender",
                "match",
                "consent",
                "migration",
                "verdict",
                "hold",
                "retention",
                "message",
                "internal",
                "expect",
            ]
        ),
        toml_values
        | st.dictionaries(
            st.sampled_from(
                ["kind", "id", "profiles", "purpose", "accept", "until", "timezone", "for", "language", "given"]
            ),
            toml_values,
        ),
    )
)
def test_the_checks_take_any_data_without_falling_over(data: dict[str, object]) -> None:
    broken = Document(Path("p.toml"), data)

    list(check_document(broken, PROFILES, NOW))
    list(check_together([broken, broken]))
