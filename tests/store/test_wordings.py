from __future__ import annotations

import os
import sqlite3
from datetime import timedelta

import pytest
from store.samples import ANN, BOB, NOW, PSEUDONYMS, ago, grant

from relay.consent.evidence import Evidence, wording_hash
from relay.store.appending import append_events
from relay.store.wordings import (
    LARGEST_PICTURE,
    Picture,
    Wording,
    describe_wording,
    read_picture,
    read_wordings,
)

WORDS = "Send me news.\nI can stop it at any time."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def test_a_text_is_kept_once_for_all_who_agreed_with_first_and_last_time(connection: sqlite3.Connection) -> None:
    evidence = Evidence(wording=wording_hash(WORDS), language="en")
    events = [grant(person, at=ago(days), evidence=evidence) for person, days in ((ANN, 30), (BOB, 3), (BOB, 9))]
    append_events(connection, events, PSEUDONYMS, os.urandom, {wording_hash(WORDS): WORDS})
    assert read_wordings(connection) == [
        Wording(wording_hash(WORDS), WORDS, "en", first_at=ago(30), last_at=ago(3), uses=3)
    ]


def test_whatever_is_recorded_in_whatever_order_first_and_last_time_stay_true(connection: sqlite3.Connection) -> None:
    evidence = Evidence(wording=wording_hash(WORDS), language="en")
    for days in (9, 30, 30, 3, 3, 12):
        append_events(connection, [grant(at=ago(days), evidence=evidence)], PSEUDONYMS, os.urandom)
    [found] = read_wordings(connection)
    assert (found.first_at, found.last_at, found.uses) == (ago(30), ago(3), 6)


def test_what_the_operator_says_of_a_text_completes_what_was_recorded(connection: sqlite3.Connection) -> None:
    append_events(connection, [grant(evidence=Evidence(wording=wording_hash(WORDS)))], PSEUDONYMS, os.urandom)
    assert read_wordings(connection)[0].text == ""
    identity = describe_wording(connection, f"{WORDS}\r\n", language="en", shown_from=ago(90), picture=Picture.of(PNG))
    later = describe_wording(connection, WORDS, shown_until=ago(1))
    describe_wording(connection, WORDS)
    [found] = read_wordings(connection, identity[:8])
    assert later == identity == wording_hash(WORDS)
    assert found == Wording(identity, WORDS, "en", ago(10), ago(10), ago(90), ago(1), "image/png", len(PNG), 1)
    assert read_picture(connection, identity) == PNG


def test_a_hash_that_nobody_knows_has_no_words_and_no_picture(connection: sqlite3.Connection) -> None:
    describe_wording(connection, WORDS, shown_from=NOW - timedelta(days=1))
    assert read_wordings(connection, "0" * 64) == []
    assert read_picture(connection, wording_hash(WORDS)) == b""


def test_no_words_are_no_wording(connection: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="words"):
        describe_wording(connection, " \n ")


@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
    ],
)
def test_the_type_of_a_picture_is_what_its_octets_say(octets: bytes, media_type: str) -> None:
    assert Picture.of(octets).media_type == media_type


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"<svg onload='alert(1)'>", "no PNG"),
        (b"RIFF\x00\x00\x00\x00WAVE", "no PNG"),
        (b"", "no PNG"),
        (PNG + bytes(LARGEST_PICTURE), "larger than 5 MB"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(octets: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Picture.of(octets)


def test_the_newest_words_in_use_come_first(connection: sqlite3.Connection) -> None:
    for words, days in (("old", 30), ("new", 3), ("older", 90)):
        evidence = Evidence(wording=wording_hash(words))
        append_events(
            connection, [grant(at=ago(days), evidence=evidence)], PSEUDONYMS, os.urandom, {evidence.wording: words}
        )
    describe_wording(connection, "shown", shown_from=ago(10))
    assert [one.text for one in read_wordings(connection)] == ["new", "shown", "old", "older"]
