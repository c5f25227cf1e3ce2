from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.pseudonyms import KEY_OCTETS, TOMBSTONE, Pseudonyms
from relay.decision import time_of

ONE = Pseudonyms(bytes(range(KEY_OCTETS)))
OTHER = Pseudonyms(bytes(KEY_OCTETS))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_tombstone_is_the_same_for_the_same_person_under_the_same_key_only() -> None:
    assert ONE.tombstone("ann@example.com") == ONE.tombstone("ann@example.com")
    assert ONE.tombstone("ann@example.com") != ONE.tombstone("bob@example.com")
    assert ONE.tombstone("ann@example.com") != OTHER.tombstone("ann@example.com")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_tombstone_names_its_folding_and_nothing_of_the_person(wide: str) -> None:
    tombstone = ONE.tombstone(wide)
    assert tombstone.startswith(f"{TOMBSTONE}1:")
    assert "@" not in tombstone
    assert len(tombstone) == len(TOMBSTONE) + 2 + 32


def test_ids_of_the_same_content_are_the_same_and_begin_with_the_time() -> None:
    now = int(NOW.timestamp() * 1000)
    assert ONE.id_of(now, b"content") == ONE.id_of(now, b"content")
    assert ONE.id_of(now, b"content") != ONE.id_of(now, b"contents")
    assert ONE.id_of(now, b"content")[:10] == ONE.id_of(now, b"other")[:10]
    assert time_of(ONE.id_of(now, b"content")) == NOW


def test_purposes_do_not_meet() -> None:
    assert ONE.fingerprint() not in ONE.tombstone("")
    assert len(ONE.fingerprint()) == 16
    assert ONE.fingerprint() != OTHER.fingerprint()


def test_the_key_is_never_shown_and_has_its_length() -> None:
    assert "key" not in repr(ONE)
    with pytest.raises(ValueError, match="32 octets"):
        Pseudonyms(b"short")
