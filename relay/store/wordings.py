"""The words that people agreed to: each text once, by its hash, with the time in which it was in use and a picture of
the form where the operator has one.

When it was agreed to, first and last, is counted while events are recorded; when it was shown is what the operator says.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.consent.evidence import wording_hash, wording_text
from relay.store.queries import query
from relay.store.rows import loaded, stored

#: Octets of a picture of a form; more is a file gone wrong.
LARGEST_PICTURE: Final = 5 << 20
#: How files of each type begin.
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"%PDF-", "application/pdf"),
)


@dataclass(frozen=True, slots=True)
class Wording:
    """text: "" when only the hash is known. first_at, last_at: acts of agreeing to it that are recorded. shown_from,
    shown_until: as the operator says. picture_type: a media type, "" without a picture. uses: events that name it.
    """

    hash: str
    text: str = ""
    language: str = ""
    first_at: datetime | None = None
    last_at: datetime | None = None
    shown_from: datetime | None = None
    shown_until: datetime | None = None
    picture_type: str = ""
    picture_octets: int = 0
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Of a form, as it was shown. Built from what a file holds; raises ValueError in words for what is no picture."""

    octets: bytes
    media_type: str

    @classmethod
    def of(cls, octets: bytes) -> Picture:
        if len(octets) > LARGEST_PICTURE:
            raise ValueError(f"is larger than {LARGEST_PICTURE >> 20} MB; a smaller picture shows the form as well")
        found = [media_type for beginning, media_type in _MAGIC if octets.startswith(beginning)]
        if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
            found = ["image/webp"]
        if not found:
            raise ValueError("is no PNG, JPEG, WebP or PDF")
        return cls(octets, found[0])


def describe_wording(
    connection: sqlite3.Connection,
    text: str,
    *,
    language: str = "",
    shown_from: datetime | None = None,
    shown_until: datetime | None = None,
    picture: Picture | None = None,
) -> str:
    """Keep a text that was or is shown, or say more about a known one; its hash. Runs inside the caller's transaction."""
    identity = wording_hash(text)
    if not identity:
        raise ValueError("a wording has words")
    drawn = (None, None) if picture is None else (picture.octets, picture.media_type)
    values = (identity, wording_text(text), language, stored(shown_from), stored(shown_until), *drawn)
    connection.execute(query("describe_wording"), values)
    return identity


def read_wordings(connection: sqlite3.Connection, beginning: str = "") -> list[Wording]:
    """All of them, or those whose hash begins so; the newest in use first."""
    return [
        Wording(
            identity,
            text or "",
            language,
            loaded(first_at),
            loaded(last_at),
            loaded(shown_from),
            loaded(shown_until),
            picture_type or "",
            octets or 0,
            uses,
        )
        for identity, text, language, first_at, last_at, shown_from, shown_until, picture_type, octets, uses in (
            connection.execute(query("wordings"), (beginning,))
        )
    ]


def read_picture(connection: sqlite3.Connection, identity: str) -> bytes:
    """The picture of the wording with this hash; b"" without one."""
    row = connection.execute("SELECT picture FROM wordings WHERE hash = ?", (identity,)).fetchone()
    return b"" if row is None or row[0] is None else bytes(row[0])
