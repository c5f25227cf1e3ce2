"""A message that cannot be edited, put whole into a multipart/mixed beside the footer: what the policy calls `wrap`.

The original entity, its content fields and its body, becomes a part of it, octet by octet: its signature holds. Here is
also the one way in which a footer becomes a part of its own.
"""

from __future__ import annotations

import hashlib
from typing import Final

from relay.message.edits import Edit
from relay.message.footer import Footer
from relay.message.index import Index, unfolded
from relay.message.transfer import Transfer, encode, has_long_line, shortest_seven_bit

_MIME_VERSION: Final = "mime-version"


def wrapped(message: Index, footer: Footer, *, footer_first: bool = False) -> list[Edit]:
    """Edits that move the body and the Content- fields into a part, and add a text/plain part with the footer."""
    content, head = message.content, message.head
    own = [one for one in head.fields if one.name.startswith("content-")]
    boundary = _boundary(content)
    delimiter = b"--" + boundary + b"\r\n"
    part = footer_part(footer)
    mime = b"" if head.named(_MIME_VERSION) else b"MIME-Version: 1.0\r\n"
    opening = mime + b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n' + _transfer(message) + b"\r\n"
    if footer_first:
        opening += delimiter + part + b"\r\n"
    # Where no field stands, some take the first lines of the text for fields. In a part this one says nothing (RFC 2046
    # section 5.1).
    fields = b"".join([content[one.start : one.end] for one in own]) or b"MIME-Version: 1.0\r\n"
    opening += delimiter + fields + b"\r\n"
    closing = b"" if footer_first else b"\r\n" + delimiter + part
    closing += b"\r\n--" + boundary + b"--\r\n"
    edits: list[Edit] = [(one.start, one.end, b"") for one in own]
    edits += [(head.end, head.body, opening), (len(content), len(content), closing)]
    return edits


def footer_part(footer: Footer, boundary: bytes = b"") -> bytes:
    """The footer as a part of a multipart, shown inline: header fields and body, without delimiters.

    boundary: of the multipart that it comes into; no line of the part is taken for its delimiter.
    """
    text = footer.plain.replace("\n", "\r\n").encode("utf-8")
    transfer = Transfer.SEVEN_BIT if text.isascii() and not has_long_line(text) else shortest_seven_bit(text)
    body = encode(text, transfer)
    if boundary and b"\n--" + boundary in b"\n" + body:
        transfer = Transfer.BASE64  # which has no hyphen
        body = encode(text, transfer)
    return (
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: "
        + transfer.encode("ascii") + b"\r\n\r\n" + body
    )  # fmt: skip


def _transfer(message: Index) -> bytes:
    """What holds 8-bit or binary parts has to say so (RFC 2045 section 6.4)."""
    if message.content.isascii():
        return b""
    fields = message.head.named("content-transfer-encoding")
    is_binary = any(unfolded(message.content, one).lower() == b"binary" for one in fields)
    return b"Content-Transfer-Encoding: " + (b"binary" if is_binary else b"8bit") + b"\r\n"


def _boundary(content: bytes) -> bytes:
    """A delimiter that the message does not contain; the same for the same message."""
    digest = hashlib.sha256(content).hexdigest()
    boundary = b"=_" + digest[:32].encode("ascii")
    while boundary in content:
        digest = hashlib.sha256(digest.encode("ascii")).hexdigest()
        boundary = b"=_" + digest[:32].encode("ascii")
    return boundary
