"""Takes a person out of mail that waits, and out of what is told about mail that did not go out.

Their own copies go, in whatever state, and with its last copy a message. Mail that waits for others may name them, too (a
line To with several people): there the address is made unreadable, which touches what a sender wrote, because what is
left in a file for days could not be called erased. What is encoded (base64) is not looked into. Runs inside the caller's
transaction, save `Named.find`.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Self

from relay.address import AddressError, address_from_text
from relay.address_wide import domains_of
from relay.store.queries import query
from relay.store.spellings import Spellings

#: Nobody's, by RFC 2606 section 2.
_NOBODY: Final = b"erased@erased.invalid"
#: What may stand before the @ of an address in running text.
_OF_A_RUN: Final = r"[^\s<>\"(),:;\[\]\\@=/?&]"


def erase_mail(connection: sqlite3.Connection, wide: str, spellings: Spellings) -> tuple[int, int]:
    """How many copies, and how many lines of the report went."""
    copies = connection.execute(query("erase_copies"), (wide,)).rowcount
    reported = json.dumps(sorted(spellings.reported))
    reports = connection.execute(query("erase_reports"), (reported,)).rowcount
    senders = json.dumps(sorted(spellings.senders))
    connection.execute(query("erase_senders_of_messages"), (senders,))
    connection.execute(query("erase_senders_of_reports"), (senders,))
    connection.execute(query("forget_asks"), (json.dumps([wide]),))
    return copies, reports


@dataclass(frozen=True, slots=True)
class Named:
    """Messages whose content names the person, and by which spellings they were looked for."""

    messages: tuple[int, ...] = ()
    known: frozenset[str] = frozenset()

    @classmethod
    def find(cls, connection: sqlite3.Connection, wide: str, spellings: Spellings) -> Self:
        """Slow: reads all that waits, one message at a time, so that nobody has to wait for it."""
        rows = connection.execute("SELECT DISTINCT address FROM ledger WHERE wide = ?", (wide,)).fetchall()
        known = frozenset(address for (address,) in rows if address) | spellings.every
        pattern = _pattern(wide, known)
        numbers = [number for (number,) in connection.execute("SELECT message FROM contents").fetchall()]
        return cls(tuple(one for one in numbers if _without(_content(connection, one), wide, pattern)), known)


def erase_contents(connection: sqlite3.Connection, wide: str, named: Named) -> int:
    """Make the address unreadable in these; how many were changed."""
    pattern = _pattern(wide, named.known)
    changed = 0
    for number in named.messages:
        without = _without(_content(connection, number), wide, pattern)
        if without is not None:
            changed += connection.execute(query("put_content"), (without, number)).rowcount
    return changed


def _content(connection: sqlite3.Connection, message: int) -> bytes:
    row = connection.execute(query("content"), (message,)).fetchone()
    return b"" if row is None else row[0]  # delivered meanwhile


def _pattern(wide: str, known: Collection[str]) -> re.Pattern[bytes]:
    """A spelling that is known, wherever it stands, or whatever stands before a domain of the person's.

    A run of characters is looked at from its beginning alone: from each of them, a long one would take for ever.
    """
    exact = "|".join(re.escape(text) for text in sorted(known, key=len, reverse=True))
    domains = "|".join(map(re.escape, domains_of(wide)))
    spelled = rf"(?:(?<![\w.+-])(?:{exact})|" if exact else "(?:"
    found = rf"{spelled}(?<!{_OF_A_RUN}){_OF_A_RUN}+@(?:{domains}))(?![\w-]|\.\w)"
    return re.compile(found.encode(), re.IGNORECASE)


def _without(content: bytes, wide: str, pattern: re.Pattern[bytes]) -> bytes | None:
    """None when it does not name them."""
    pieces = list(_pieces(content, wide, pattern))
    return None if len(pieces) == 1 else b"".join(pieces)


def _pieces(content: bytes, wide: str, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    start = 0
    for match in pattern.finditer(content):
        if _wide_of(match[0]) == wide:
            yield content[start : match.start()]
            yield _NOBODY
            start = match.end()
    yield content[start:]


def _wide_of(text: bytes) -> str:
    try:
        return address_from_text(text.decode("utf-8")).wide
    except (AddressError, UnicodeDecodeError):
        return ""
