"""A message that cannot be edited, put whole into a multipart/mixed beside the footer: what the policy calls `wrap`.

The original entity, its content fields and its body, becomes the first part, octet by octet: its signature holds.
"""

from __future__ import annotations

import hashlib
from typing import Final

from relay.message.footer import Footer
from relay.message.headers import Edit
from relay.message.index import Index
from relay.message.transfer import Transfer, encode, shortest_seven_bit

_MIME_VERSION: Final = "mime-version"


def wrapped(message: Index, footer: Footer) -> list[Edit]:
    """Edits that move the body and the Content- fields into a part, and add a text/plain part with the footer."""
    content, head = message.content, message.head
    own = [one for one in head.fields if one.name.startswith("content-")]
    boundary = _boundary(content)
    text = footer.plain.replace("\n", "\r\n").encode("utf-8")
    transfer = Transfer.SEVEN_BIT if text.isascii() else shortest_seven_bit(text)
    mime = b"" if head.named(_MIME_VERSION) else b"MIME-Version: 1.0\r\n"
    body = content[head.body :]
    opening = (
        mime + b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\n"
        + b"".join([content[one.start : one.end] for one in own]) + b"\r\n"
    )  # fmt: skip
    closing = (
        b"\r\n--" + boundary + b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\n"
        b"Content-Transfer-Encoding: " + transfer.encode("ascii") + b"\r\n\r\n"
        + encode(text, transfer) + b"\r\n--" + boundary + b"--\r\n"
    )  # fmt: skip
    edits: list[Edit] = [(one.start, one.end, b"") for one in own]
    edits += [(head.end, head.body, opening), (head.body + len(body), head.body + len(body), closing)]
    return edits


def _boundary(content: bytes) -> bytes:
    """A delimiter that the message does not contain; the same for the same message."""
    digest = hashlib.sha256(content).hexdigest()
    boundary = b"=_" + digest[:32].encode("ascii")
    while boundary in content:
        digest = hashlib.sha256(digest.encode("ascii")).hexdigest()
        boundary = b"=_" + digest[:32].encode("ascii")
    return boundary
