"""Reads our own DKIM signatures back from a finished message and verifies them, as a receiver will. Makes none.

Of the code that signs only the keys are used, here their public halves: fields are found, chosen and canonicalised a
second time and in another way, so that a fault there is noticed before the message leaves, not by its recipients.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from relay.message.dkim import PrivateKey, Signer

#: What a signature of ours says, no more and no less (RFC 6376 section 3.5): without l=, x= and i=.
_TAGS: Final = {b"v", b"a", b"c", b"d", b"s", b"t", b"h", b"bh", b"b"}
_NAME: Final = re.compile(rb"([!-9;-~]++)[ \t]*+:")
_WHITE_SPACE: Final = re.compile(rb"[ \t]+")
_SPACES: Final = re.compile(rb"  +")
#: The value of b=, which is not signed itself.
_B: Final = re.compile(rb"(;[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
#: Right behind such an octet a body can be cut: nothing before it matters for what follows.
_TEXT: Final = re.compile(rb"[^ \t\r\n]")
#: Octets of a body that are worked on at once, more only where there is nothing but white space.
_PIECE: Final = 32 * 1024
_EMPTY_LINES: Final = b"\r\n" * 1024

#: Lower-case name and value with its folds, in their order.
_Fields = list[tuple[bytes, bytes]]


def signature_problem(content: bytes, signers: Sequence[Signer]) -> str:
    """Why a receiver would not find the signature of each signer on top of these octets and good; "" when it would.

    content: as it goes on the wire, where a missing CRLF is added to its end. Takes no part of the message into its
    words.
    """
    if not signers:
        return ""
    fields, body = _read(content)
    on_top = 0
    while on_top < len(fields) and fields[on_top][0] == b"dkim-signature":
        on_top += 1
    if on_top < len(signers):
        return f"{on_top} of {len(signers)} signatures stand on top of the message"
    body_hash = b64encode(_body_digest(content, body))
    covered: dict[bytes, bytes] = {}
    for (_, value), signer in zip(fields, signers, strict=False):
        problem = _problem(value, signer, fields, body_hash, covered)
        if problem:
            return f"the signature of {signer.domain} with selector {signer.selector}: {problem}"
    return ""


def _problem(value: bytes, signer: Signer, fields: _Fields, body_hash: bytes, covered: dict[bytes, bytes]) -> str:
    """covered: the canonical fields by value of h=, filled here, for several signatures say the same there."""
    tags = _tags(value)
    if tags is None or tags.keys() != _TAGS:
        return "its tags are not those that were written"
    named = (tags[b"v"], tags[b"a"], tags[b"c"], tags[b"d"], tags[b"s"])
    expected = ("1", f"{signer.key.type}-sha256", "relaxed/relaxed", signer.domain, signer.selector)
    if named != tuple(one.encode("ascii") for one in expected):
        return "it names another version, algorithm, canonicalisation, domain or selector"
    names = b"".join(tags[b"h"].split())
    if b"from" not in names.lower().split(b":"):
        return "it does not cover From"
    if b"".join(tags[b"bh"].split()) != body_hash:
        return "it does not fit the body"
    if names not in covered:
        covered[names] = _covered(names, fields)
    own = b"dkim-signature:" + _one_line(_B.sub(rb"\1", value))
    try:
        signature = b64decode(b"".join(tags[b"b"].split()), validate=True)
        _verify(signer.key, signature, covered[names] + own)
    except (InvalidSignature, Error):
        return "it does not fit the header fields and the key"
    return ""


def _verify(key: PrivateKey, signature: bytes, data: bytes) -> None:
    """Raises InvalidSignature."""
    if isinstance(key.public, RSAPublicKey):
        key.public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.public.verify(signature, hashlib.sha256(data).digest())  # RFC 8463 section 3: of the hash


def _read(content: bytes) -> tuple[_Fields, int]:
    """The header fields, and where the body begins: behind an empty line, or where a line is no field, for Postfix
    puts an empty line in front of that.
    """
    fields: _Fields = []
    position, size = 0, len(content)
    if content.startswith((b"From ", b">From ")):  # an mbox line, which no receiver counts
        position = _next_line(content, 0)
    name, value = b"", 0
    while position < size:
        if not name or content[position] not in b" \t":
            if name:
                fields.append((name, content[value : position - 2]))
            found = _NAME.match(content, position)
            if found is None:
                return fields, position + 2 * content.startswith(b"\r\n", position)
            name, value = found[1].lower(), found.end()
        position = _next_line(content, position)
    if name:
        fields.append((name, content[value:].removesuffix(b"\r\n")))
    return fields, size


def _next_line(content: bytes, position: int) -> int:
    end = content.find(b"\r\n", position)
    return len(content) if end < 0 else end + 2


def _tags(value: bytes) -> dict[bytes, bytes] | None:
    """A tag list (RFC 6376 section 3.2), None where it is none."""
    tags: dict[bytes, bytes] = {}
    for text in value.strip(b" \t\r\n;").split(b";"):
        name, equals, meaning = text.partition(b"=")
        name = name.strip(b" \t\r\n")
        if not equals or name in tags:
            return None
        tags[name] = meaning.strip(b" \t\r\n")
    return tags


def _covered(names: bytes, fields: _Fields) -> bytes:
    """RFC 6376 section 5.4.2: of fields with one name the last counts first; a name without a field adds nothing."""
    waiting: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        waiting.setdefault(name, []).append(value)
    found = ((name, waiting.get(name)) for name in names.lower().split(b":"))
    return b"".join([name + b":" + _one_line(values.pop()) + b"\r\n" for name, values in found if values])


def _one_line(value: bytes) -> bytes:
    return _WHITE_SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _body_digest(content: bytes, start: int) -> bytes:
    """RFC 6376 section 3.4.4, SHA-256."""
    digest = hashlib.sha256()
    position, end = start, len(content)
    while position < end:
        found = _TEXT.search(content, position + _PIECE) if end - position > _PIECE else None
        cut = end if found is None else found.end()
        piece = content[position:cut]
        if cut == end:
            if not content.endswith(b"\r\n"):
                piece += b"\r\n"
            piece = _without_empty_lines(_without_runs(piece), is_all=position == start)
        else:
            piece = _without_runs(piece)
        digest.update(piece)
        position = cut
    return digest.digest()


def _without_runs(piece: bytes) -> bytes:
    """Rules a. piece: begins behind text or at the start of the body, ends with text or the body."""
    if b"\t" in piece:
        piece = piece.replace(b"\t", b" ")
    if b"  " in piece:
        piece = _SPACES.sub(b" ", piece)
    return piece.replace(b" \r\n", b"\r\n")


def _without_empty_lines(piece: bytes, *, is_all: bool) -> bytes:
    """Rule b. piece: the end of the body, or all of it."""
    end = len(piece)
    for run in (_EMPTY_LINES, b"\r\n"):
        while piece.endswith(run, 0, end):
            end -= len(run)
    return b"" if is_all and not end else piece[:end] + b"\r\n"
