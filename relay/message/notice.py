"""One of the relay's own mails as octets: header fields that nothing can break out of, and bodies of plain text, HTML
or several parts.

Whatever stands in a text, from a mail, a policy or a next hop, ends as text: line ends and control characters never
reach a header field, and a part never ends before we end it. Knows nothing of what the mail says; never signs.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.message.transfer import Transfer, encode, has_long_line, shortest_seven_bit

#: Who writes when something could not be delivered.
DELIVERY_SYSTEM: Final = "Mail Delivery System"
MAILER_DAEMON: Final = "mailer-daemon"

#: Characters of a subject or a name: nobody reads more, and a field has to end.
_LONGEST: Final = 300
#: Of an extra field: a URL. It stays whole, and a line has 998 octets.
_LONGEST_WORD: Final = 900
#: RFC 5322 section 2.1.1 wants lines of 78; RFC 2047 section 2 words of 75.
_FOLD_AT: Final = 76
_WORD_OCTETS: Final = 42
_ATOMS: Final = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._-]+")
#: What no text of a body needs. Line ends and tabs stay.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Automatic(StrEnum):
    """Auto-Submitted (RFC 3834 section 5): does it answer a message, or come by itself? Nobody's vacation answers it."""

    GENERATED = "auto-generated"
    REPLIED = "auto-replied"


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity. fields: whole Content-* fields with their CRLF. body: with CRLF line ends."""

    fields: bytes
    body: bytes

    @property
    def octets(self) -> bytes:
        return self.fields + b"\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above. identifier: of the mail's transaction, for the Message-ID. name, local: of the sender, whose
    domain is `mail_domain`. extra: more fields (name, value of printable ASCII), in this order.
    """

    identifier: str
    mail_domain: str
    to: Address
    subject: str
    at: datetime
    automatic: Automatic = Automatic.GENERATED
    name: str = DELIVERY_SYSTEM
    local: str = MAILER_DAEMON
    extra: tuple[tuple[str, str], ...] = ()


def notice(heading: Heading, entity: Entity) -> bytes:
    """The whole message. ASCII, unless the recipient's address is not, or a part of the entity is not.

    Raises ValueError for an identifier, a domain or an extra field that cannot stand in a header: a bug of the caller.
    """
    if not _IDENTIFIER.fullmatch(heading.identifier):
        raise ValueError("the identifier cannot stand in a Message-ID")
    sender = Address(heading.local, heading.mail_domain)
    lines = [
        _folded("From:", [*_phrase(heading.name), f"<{sender}>"]),
        b"To: <" + heading.to.wire + b">\r\n",
        text_field("Subject", heading.subject),
        f"Date: {format_datetime(heading.at)}\r\n".encode("ascii"),
        f"Message-ID: <{heading.identifier}@{heading.mail_domain}>\r\n".encode("ascii"),
        f"Auto-Submitted: {heading.automatic}\r\n".encode("ascii"),
        *(_extra(name, value) for name, value in heading.extra),
        b"MIME-Version: 1.0\r\n",
    ]
    return b"".join(lines) + entity.octets


def text(words: str, subtype: str = "plain", *, language: str = "") -> Entity:
    """Text as UTF-8, or as ASCII where it is; line ends of any kind. language: a tag of our own, "" for none."""
    octets = _CONTROLS.sub("\ufffd", _LINE_END.sub("\r\n", words).rstrip("\r\n") + "\r\n").encode("utf-8")
    charset = "us-ascii" if octets.isascii() else "utf-8"
    fields = f"Content-Type: text/{subtype}; charset={charset}\r\n"
    if language:
        fields += f"Content-Language: {language}\r\n"
    return _entity(fields, octets, _transfer(octets))


def octets_of(content_type: str, octets: bytes, *, transfer: Transfer | None = None, description: str = "") -> Entity:
    """Octets that are text of some type, as they are when they fit into 7bit, else encoded. transfer: to insist on one.

    content_type, description: words of our own.
    """
    fields = f"Content-Type: {content_type}\r\n"
    if description:
        fields += f"Content-Description: {description}\r\n"
    return _entity(fields, octets, transfer or _transfer(octets))


def several(subtype: str, parts: Sequence[Entity], parameters: str = "") -> Entity:
    """multipart/`subtype`. parameters: words of our own, such as "report-type=delivery-status"."""
    boundary = _boundary(parts)
    begin = b"--" + boundary + b"\r\n"
    body = b"".join(begin + part.octets + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    more = f"; {parameters}" if parameters else ""
    fields = f'Content-Type: multipart/{subtype}{more};\r\n boundary="{boundary.decode()}"\r\n'
    eight_bit = not body.isascii()
    return _entity(fields, body, Transfer.EIGHT_BIT if eight_bit else Transfer.SEVEN_BIT)


def text_field(name: str, words: str) -> bytes:
    """An unstructured field, folded; words outside ASCII as encoded-words (RFC 2047)."""
    clean = one_line_of(words)
    head = f"{name}:"
    if clean.isascii() and "=?" not in clean:
        return _folded(head, clean.split(" ")) if clean else f"{head}\r\n".encode("ascii")
    return _folded(head, _encoded_words(clean))


def one_line_of(words: str) -> str:
    """Text as one line that is fit for a header field, of bounded length: what ends or hides a line becomes a space."""
    flat = "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in words)
    flat = " ".join(flat.split())  # separators of lines, paragraphs and words are white space, whatever they are
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 3] + "..."


def _phrase(name: str) -> list[str]:
    """A display name (RFC 5322 section 3.2.5), in pieces between which a line may end."""
    clean = one_line_of(name)
    if not clean.isascii() or "=?" in clean:
        return _encoded_words(clean)
    if _ATOMS.fullmatch(clean):
        return clean.split(" ")
    return ['"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"']


def _extra(name: str, value: str) -> bytes:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("an extra field has a name that is none")
    if not (value.isascii() and value.isprintable()) or not value.strip():
        raise ValueError(f"the value of {name} is not one line of printable ASCII")
    if max(map(len, value.split(" "))) > _LONGEST_WORD:
        raise ValueError(f"the value of {name} has a word that no line can hold")
    return _folded(f"{name}:", value.split(" "))


def _encoded_words(clean: str) -> list[str]:
    """RFC 2047 section 5: whole characters in each word, of at most 75 characters. clean: of at least one."""
    words: list[str] = []
    piece = b""
    for character in clean:
        octets = character.encode("utf-8")
        if len(piece) + len(octets) > _WORD_OCTETS:
            words.append(_encoded_word(piece))
            piece = b""
        piece += octets
    return [*words, _encoded_word(piece)]


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?B?{b64encode(octets).decode('ascii')}?="


def _folded(head: str, words: Sequence[str]) -> bytes:
    """Broken at spaces where it can be; a single word of any length stays whole (it is bounded where it comes from)."""
    lines = [head]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _FOLD_AT and lines[-1] != head and word:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def _entity(fields: str, octets: bytes, transfer: Transfer) -> Entity:
    if transfer is not Transfer.SEVEN_BIT:
        fields += f"Content-Transfer-Encoding: {transfer}\r\n"
    return Entity(fields.encode("ascii"), encode(octets, transfer))


def _transfer(octets: bytes) -> Transfer:
    """As they are: short lines of ASCII, none of which a mailbox file takes for the start of a message ("From ")."""
    if octets.startswith(b"From ") or b"\nFrom " in octets:
        return Transfer.BASE64
    bare = octets.replace(b"\r\n", b"")
    if not octets.isascii() or has_long_line(octets) or any(one in bare for one in (b"\r", b"\n", b"\0")):
        return shortest_seven_bit(octets)
    return Transfer.SEVEN_BIT


def _boundary(parts: Sequence[Entity]) -> bytes:
    """A line that stands in no part. Whoever wrote a part cannot know it before: it depends on all of them."""
    digest = hashlib.sha256(b"\0".join(part.octets for part in parts))
    return b"=_" + digest.hexdigest()[:40].encode("ascii")
