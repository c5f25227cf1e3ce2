"""One SMTP reply as one value. What is built here can be written to a client as it stands.

This module never does IO and never sees an address: replies carry reasons and ids, no personal data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: RFC 5321 section 4.5.3.1.5: a reply line has at most 512 octets with its code and CRLF.
MAX_LINE: Final = 512
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A single-line reply: code, enhanced status code (RFC 3463), text for a human.

    Raises ValueError when the classes of the two codes differ, or the text is not one line of printable ASCII.
    """

    code: int
    enhanced: str
    text: str

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599 or 300 <= self.code <= 399:
            raise ValueError(f"{self.code} is not the code of a final SMTP reply")
        if not _ENHANCED.fullmatch(self.enhanced):
            raise ValueError(f"{self.enhanced!r} is not an enhanced status code")
        if self.enhanced[0] != str(self.code)[0]:
            raise ValueError(f"{self.code} and {self.enhanced} are of different classes")
        if not self.text or _UNPRINTABLE.search(self.text):
            raise ValueError("the text of a reply is one line of printable ASCII")
        if len(self.text) > MAX_LINE - len("250 5.111.111 \r\n"):
            raise ValueError("the reply is longer than one SMTP line")

    @property
    def is_success(self) -> bool:
        return self.code < 300

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"

    @property
    def wire(self) -> bytes:
        return str(self).encode("ascii") + b"\r\n"


def one_line(text: str, limit: int = 300) -> str:
    """Text from outside as one printable ASCII line of at most `limit` characters; what cannot be shown becomes '?'."""
    flat = _UNPRINTABLE.sub("?", " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
