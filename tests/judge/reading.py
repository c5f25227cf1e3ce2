"""A message as the judge reads it: raw octets of everything, and what Python's `email` package says they are.

Nothing of the product is imported. Raw pieces are for comparing, the `email` package for understanding: types,
parameters, encodings. Reads CRLF messages.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from typing import Final

_FIELD: Final = re.compile(rb"[!-9;-~]+[ \t]*:(?:[^\r]|\r(?!\n)|\r\n[ \t])*(?:\r\n|\Z)")
_ENVELOPE: Final = re.compile(rb">?From [^\r]*(?:\r(?!\n)[^\r]*)*\r\n")
#: Outside of quotes.
_COMMENT: Final = re.compile(r"\([^()\"]*\)(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")
_MAX_DEPTH: Final = 60

SEALED: Final = frozenset(
    "multipart/signed multipart/encrypted application/pkcs7-mime application/x-pkcs7-mime application/pgp-encrypted".split()
)
_REPORTS: Final = frozenset("message/delivery-status message/disposition-notification message/feedback-report".split())
IDENTITY: Final = frozenset({"7bit", "8bit", "binary"})
#: Names of charsets for which Python's own idea differs from what mail programs read.
_CODECS: Final = {
    "": "ascii", "us-ascii": "ascii", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp", "cp50220": "iso2022_jp", "cp50221": "iso2022_jp", "iso-8859-8-i": "iso8859_8", "windows-874": "cp874",
}  # fmt: skip


@dataclass(frozen=True)
class RawField:
    """name: lower case. raw: name, colon, value and CRLF."""

    name: str
    raw: bytes

    @cached_property
    def value(self) -> str:
        return re.sub(rb"\r\n(?=[ \t])", b"", self.raw.partition(b":")[2]).strip(b" \t\r\n").decode("latin-1")


@dataclass(frozen=True)
class Entity:
    """A message or a part. path: "1" for the message, "1.2" for its second part. gap: the empty line, or b"" without.

    body: everything behind the gap; preamble, delimiters (each with the CRLF before it) and epilogue are of multiparts.
    """

    path: str
    envelope: bytes
    fields: tuple[RawField, ...]
    gap: bytes
    body: bytes
    seen: Message
    preamble: bytes = b""
    delimiters: tuple[bytes, ...] = ()
    epilogue: bytes = b""
    children: tuple[Entity, ...] = ()
    closed: bool = True
    trouble: tuple[str, ...] = field(default=())

    def named(self, name: str) -> list[RawField]:
        return [one for one in self.fields if one.name == name]

    @property
    def raw_head(self) -> bytes:
        return b"".join([one.raw for one in self.fields])

    @cached_property
    def kind(self) -> str:
        return self.seen.get_content_type()

    @cached_property
    def disposition(self) -> str:
        value = self.seen.get("content-disposition")
        return "" if value is None else re.split(r"[;\s]", str(value).strip(), maxsplit=1)[0].lower()

    @cached_property
    def has_name(self) -> bool:
        return any(re.search(r"(?i)[;\s](?:file)?name\*?\d*\*?\s*=", one.value) for one in self.fields if one.name in (
            "content-type", "content-disposition"))  # fmt: skip

    @cached_property
    def parameters(self) -> dict[str, str]:
        try:
            found = self.seen.get_params() or []
        except (LookupError, ValueError):
            return {}
        return {name.lower(): value for name, value in found[1:] if isinstance(value, str)}

    @property
    def charset(self) -> str:
        return self.parameters.get("charset", "").strip().lower()

    @property
    def encoding(self) -> str:
        value = str(self.seen.get("content-transfer-encoding", "7bit"))
        return {"7-bit": "7bit", "8-bit": "8bit"}.get(word := value.strip(' \t;"').lower(), word) or "7bit"

    @property
    def is_sealed(self) -> bool:
        return self.kind in SEALED

    @property
    def is_text(self) -> bool:
        """Is it text that a reader sees in the message, not a file?"""
        return self.kind in ("text/plain", "text/html") and self.disposition in ("", "inline") and not self.children

    def walk(self) -> Iterator[Entity]:
        yield self
        for child in self.children:
            yield from child.walk()

    @cached_property
    def octets(self) -> bytes | None:
        """The body without its transfer encoding, None where two readers could differ about it."""
        if self.encoding in IDENTITY:
            return self.body
        if self.encoding == "quoted-printable":
            return unquoted(self.body)
        return of_base64(self.body) if self.encoding == "base64" else None

    @cached_property
    def text(self) -> str | None:
        """The body as characters, None where any octet is no such charset's."""
        octets = self.octets
        return None if octets is None else decoded(octets, self.charset)


def unquoted(raw: bytes) -> bytes | None:
    """Quoted-printable decoded (RFC 2045 section 6.7), None where it is broken."""
    raw = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", raw)
    raw = re.sub(rb"=(?:\r\n|\Z)", b"", raw)
    if re.search(rb"=(?![0-9A-Fa-f]{2})", raw):
        return None
    return re.sub(rb"=(..)", lambda found: bytes([int(found[1], 16)]), raw)


def of_base64(raw: bytes) -> bytes | None:
    """Base64 decoded, padding in the middle too (each padded group ends there); None where it is broken."""
    flat = re.sub(rb"[ \t\r\n]", b"", raw)
    if len(flat) % 4 or re.search(rb"[^A-Za-z0-9+/=]", flat):
        return None
    try:
        return b"".join([a2b_base64(one) for one in re.findall(rb"[^=]*={0,2}", flat) if one])
    except Error:
        return None


def codec_of(charset: str) -> str:
    return _CODECS.get(charset.strip("'\""), charset.strip("'\""))


def decoded(octets: bytes, charset: str) -> str | None:
    """Strictly, as mail programs read it: ISO-8859-1 with C1 octets is windows-1252; UTF-16 without a mark is big-endian
    (RFC 2781 section 4.3).
    """
    codec = codec_of(charset)
    if codec == "iso-8859-1" and re.search(rb"[\x80-\x9f]", octets):
        codec = "cp1252"
    if codec == "utf-16" and octets[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be"
    try:
        return octets.decode(codec)
    except (LookupError, ValueError):
        return None


def is_report(message: Entity) -> bool:
    """About mail, by a program for programs; old ones are a multipart/mixed."""
    kinds = [message.kind, *[child.kind for child in message.children if child.disposition != "attachment"]]
    return message.kind == "multipart/report" or any(kind in _REPORTS for kind in kinds)


def read(content: bytes) -> Entity:
    found = _ENVELOPE.match(content)
    start = 0 if found is None else found.end()
    return _entity(content[start:], "1", "text/plain", 0, content[:start])


def _entity(content: bytes, path: str, default: str, depth: int, envelope: bytes = b"") -> Entity:
    fields: list[RawField] = []
    position = 0
    while not content.startswith(b"\r\n", position):
        found = _FIELD.match(content, position)
        if found is None:
            break
        fields.append(RawField(found[0].partition(b":")[0].strip().decode("ascii").lower(), found[0]))
        position = found.end()
    gap = content[position : position + 2] if content.startswith(b"\r\n", position) else b""
    body = content[position + len(gap) :]
    # In one line and without comments, which that package takes for a part of the value.
    told = [f"{one.name}: {_COMMENT.sub('', one.value)}\r\n" for one in fields if one.name.startswith("content-")]
    seen = message_from_bytes("".join(told).encode("latin-1") + b"\r\n")
    seen.set_default_type(default)
    whole = Entity(path, envelope, tuple(fields), gap, body, seen)
    if not whole.kind.startswith("multipart/") or whole.is_sealed or depth >= _MAX_DEPTH:
        return whole
    boundary = whole.parameters.get("boundary", "").rstrip()
    return whole if not boundary else _split(whole, boundary.encode("latin-1", "replace"), depth)


def _split(whole: Entity, boundary: bytes, depth: int) -> Entity:
    line = re.compile(rb"(?:\A|\r\n)(?=--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\Z))")
    body = whole.body
    spots: list[tuple[int, int, bool]] = []
    for found in line.finditer(body):
        ends = body.find(b"\r\n", found.end())
        spots.append((found.start(), len(body) if ends < 0 else ends + 2, found[1] is not None))
        if found[1] is not None:
            break
    if not spots:
        return whole
    default = "message/rfc822" if whole.kind == "multipart/digest" else "text/plain"
    delimiters: list[bytes] = []
    children: list[Entity] = []
    closed = spots[-1][2]
    for number, (start, after, closing) in enumerate(spots):
        until = spots[number + 1][0] if number + 1 < len(spots) else len(body)
        delimiters.append(body[start : after if closing else min(after, until)])
        if not closing:
            content = body[min(after, until) : until]
            children.append(_entity(content, f"{whole.path}.{len(children) + 1}", default, depth + 1))
    return Entity(
        whole.path, whole.envelope, whole.fields, whole.gap, body, whole.seen, body[: spots[0][0]], tuple(delimiters),
        body[spots[-1][1] :] if closed else b"", tuple(children), closed,
    )  # fmt: skip
