"""Every spelling of a person, wherever it stands, and nobody else's."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from relay.address import Address, AddressError, address_from_text
from relay.store.spellings import contacts_of, failures_of, find_spellings

#: Each line is one person.
PEOPLE = (
    ("ann@example.com", "ANN@example.com", "Ann+news@example.com", "\uff21nn@example.com", "a\u200bnn@example.com"),
    ("joann@example.com",),
    ("ann@example.com.example",),
    ("ann@sub.example.com",),
    ("a.nn@gmail.com", "ann@googlemail.com", "A.N.N+x@gmail.com"),
    ("ann@fastmail.com", "anything@ann.fastmail.com", "ann+x@fastmail.com"),
    ("a.b@ya.ru", "a-b@yandex.com"),
    ("_-@protonmail.com", "_-@pm.me"),
    ("b\u00fccher@example.com", "B\u00dcCHER@example.com"),
)


def put(connection: sqlite3.Connection, text: str) -> str:
    """As a contact, a failure, a recipient and a sender; the canonical text."""
    address = str(address_from_text(text))
    connection.execute("INSERT OR IGNORE INTO contacts VALUES ('newsletter', ?, 0)", (address,))
    connection.execute("INSERT OR IGNORE INTO failures (address, at, code) VALUES (?, 0, '5.1.1')", (address,))
    connection.execute(
        "INSERT INTO decisions (id, at, message, client, stream, brand, sender, recipient, verdict, reason, reasons,"
        " status, facts, policy, code, enhanced, reply, enforced)"
        " VALUES (hex(randomblob(9)), 0, '', '', '', '', ?1, ?1, '', '', '', '', '{}', '', 0, '', '', 0)",
        (address,),
    )
    return address


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: ascii(person[0]))
def test_every_spelling_of_a_person_is_found_and_of_nobody_else(
    connection: sqlite3.Connection, person: tuple[str, ...]
) -> None:
    stored = {spelling: put(connection, spelling) for spellings in PEOPLE for spelling in spellings}
    expected = {stored[spelling] for spelling in person}
    for spelling in person:
        found = find_spellings(connection, address_from_text(spelling).wide)
        assert found.failures == found.recipients == found.senders == expected
        assert found.contacts == {("newsletter", address) for address in expected}
        assert found.every == expected


def test_in_an_empty_store_nobody_is_found(connection: sqlite3.Connection) -> None:
    assert not find_spellings(connection, "ann@example.com").every


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    local = draw(st.text(st.sampled_from('aAbB.-_+\uff21\u212a\u200b"'), min_size=1, max_size=5))
    domains = ("gmail.com", "googlemail.com", "a.fastmail.com", "fastmail.com", "ya.ru", "pm.me", "x.y")
    try:
        return Address(local, draw(st.sampled_from(domains)))
    except AddressError:
        reject()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(addresses(), min_size=1, max_size=12))
def test_what_is_found_is_what_has_the_same_wide_key(connection: sqlite3.Connection, people: list[Address]) -> None:
    connection.execute("DELETE FROM contacts")
    connection.executemany("INSERT OR IGNORE INTO contacts VALUES ('s', ?, 0)", [(str(one),) for one in people])
    for person in people:
        expected = {str(one) for one in people if one.wide == person.wide}
        assert find_spellings(connection, person.wide).every == expected


def test_what_stands_under_the_spellings_is_read_with_them(connection: sqlite3.Connection) -> None:
    spelled = [put(connection, spelling) for spelling in PEOPLE[0]]
    put(connection, "joann@example.com")
    spellings = find_spellings(connection, "ann@example.com")
    assert [one.address for one in contacts_of(connection, spellings)] == sorted(spelled)
    assert {one.stream for one in contacts_of(connection, spellings)} == {"newsletter"}
    assert [(one.address, one.code) for one in failures_of(connection, spellings)] == [
        (address, "5.1.1") for address in sorted(spelled)
    ]
