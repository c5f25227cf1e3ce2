"""What holds for the octets on the wire: encodings, line lengths, line ends, and the hash that DKIM signs."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from judge.pairing import Pair, Violation
from judge.reading import IDENTITY, Entity

_ENCODED_LINE: Final = 76
_MAX_LINE: Final = 998
_ENCODINGS: Final = IDENTITY | {"quoted-printable", "base64"}
_NEVER_MISSING: Final = ("from", "list-unsubscribe", "list-unsubscribe-post")


def _texts(pair: Pair) -> list[tuple[Entity | None, Entity]]:
    """Every part that we wrote, with what it was before."""
    return [*pair.edited, *((None, part) for part in pair.added)]


def encodings_are_valid(pair: Pair) -> Iterator[Violation]:
    """What we wrote decodes by its own Content-Transfer-Encoding, without anything for a decoder to guess."""
    for before, after in _texts(pair):
        if before is not None and before.octets is None:
            yield Violation("encodings_are_valid", before.path, f"broken {before.encoding} was edited")
        if after.encoding not in _ENCODINGS or after.octets is None:
            yield Violation("encodings_are_valid", after.path, f"broken {after.encoding}")
        if after.encoding == "base64" and re.search(rb"=\s*[^=\s]", after.body) and not (
            before is not None and before.encoding == "base64" and re.search(rb"=\s*[^=\s]", before.body)
        ):  # fmt: skip
            yield Violation("encodings_are_valid", after.path, "base64 goes on behind its padding")


def encoded_lines_are_short(pair: Pair) -> Iterator[Violation]:
    """A line of quoted-printable or base64 that we wrote has at most 76 octets and no white space at its end."""
    for before, after in _texts(pair):
        if after.encoding not in ("quoted-printable", "base64"):
            continue
        same = before is not None and before.encoding == after.encoding
        old = set(before.body.split(b"\r\n")) if before is not None and same else set()
        for line in after.body.split(b"\r\n"):
            if line in old:
                continue
            if len(line) > _ENCODED_LINE and not any(len(one) > _ENCODED_LINE and _is_piece(line, one) for one in old):
                yield Violation("encoded_lines_are_short", after.path, f"{len(line)} octets: {line[:60]!r}")
            if line.endswith((b" ", b"\t")):
                yield Violation("encoded_lines_are_short", after.path, f"white space at the end: {line[-20:]!r}")


def _is_piece(line: bytes, of: bytes) -> bool:
    """A line of the original, cut where we wrote into it."""
    return of.startswith(line.rstrip(b"=")) or of.endswith(line)


def lines_are_legal(pair: Pair) -> Iterator[Violation]:
    """No line over 998 octets that was not there."""
    old = {line for line in pair.raw_before.split(b"\r\n") if len(line) > _MAX_LINE}
    for line in pair.raw_after.split(b"\r\n"):
        if len(line) > _MAX_LINE and line not in old:
            yield Violation("lines_are_legal", "1", f"{len(line)} octets: {line[:60]!r}")


def seven_bit_stays_seven_bit(pair: Pair) -> Iterator[Violation]:
    """A part that travels as 7bit has no other octets, and a message without them gets none (no hop may recode it)."""
    for before, after in _texts(pair):
        if after.encoding not in ("8bit", "binary") and not after.body.isascii():
            if before is not None and before.encoding == after.encoding and not before.body.isascii():
                continue
            yield Violation("seven_bit_stays_seven_bit", after.path, f"8-bit octets in {after.encoding}")
    if pair.raw_before.isascii() and not pair.raw_after.isascii():
        yield Violation("seven_bit_stays_seven_bit", "1", "the message had no 8-bit octets before")


def no_bare_line_ends(pair: Pair) -> Iterator[Violation]:
    """No CR, LF or NUL by itself that was not there."""
    for name, pattern in (("CR", rb"\r(?!\n)"), ("LF", rb"(?<!\r)\n"), ("NUL", rb"\0")):
        if len(re.findall(pattern, pair.raw_after)) > len(re.findall(pattern, pair.raw_before)):
            yield Violation("no_bare_line_ends", "1", f"a {name} by itself")


def untouched_octets_of_a_text_stay(pair: Pair) -> Iterator[Violation]:
    """Where encoding and charset stay, the raw body stays up to the line of the insertion, and behind it."""
    rule = "untouched_octets_of_a_text_stay"
    for before, after in pair.edited:
        if before.encoding != after.encoding or before.charset != after.charset or _has_holes(before):
            continue
        head = _common(before.body, after.body)
        if before.encoding == "base64":
            first = before.octets or b""
            same = _common(first, after.octets or b"")
            longest = max(map(len, before.body.split(b"\r\n")))
            if longest <= _ENCODED_LINE and head < same // 3 * 4 - 2 * _ENCODED_LINE:
                yield Violation(rule, before.path, f"encoded again from octet {head}, the text differs from {same}")
            continue
        tail = _common(before.body[head:][::-1], after.body[head:][::-1])
        lost = len(before.body) - head - tail
        if lost > (0 if before.encoding in IDENTITY else 2):
            yield Violation(rule, before.path, f"{lost} raw octets are gone at {head}")


def _has_holes(part: Entity) -> bool:
    """A placeholder or an old footer of ours: something is taken out there."""
    octets = part.octets or b""
    return bool(re.search(rb"\{\{|%7[Bb]%7[Bb]|_{40}|consent-relay:footer|\{\0\{|\0\{\0\{", octets))


def _common(one: bytes, other: bytes) -> int:
    """The length of the longest common beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def signatures_cover_what_goes_out(pair: Pair) -> Iterator[Violation]:
    """The body hash of each new DKIM signature is that of this body; it has no l=, and covers From and our fields."""
    rule = "signatures_cover_what_goes_out"
    old = [one.raw for one in pair.before.fields]
    new = [one for one in pair.after.named("dkim-signature") if one.raw not in old]
    if pair.promise.signed and not new:
        yield Violation(rule, "1", "no signature")
    for one in new:
        tags = dict(re.findall(r"([a-z]+)=([^;]*)", re.sub(r"\s+", "", one.value)))
        digest = hashlib.sha256(_relaxed(pair.after.body)).digest()
        if tags.get("bh") != b64encode(digest).decode("ascii"):
            yield Violation(rule, "1", "the body hash is another body's")
        if "l" in tags:
            yield Violation(rule, "1", "l= leaves the end of the body open")
        covered = tags.get("h", "").lower().split(":")
        for name in _NEVER_MISSING:
            if covered.count(name) < len(pair.after.named(name)) + 1 and len(pair.after.named(name)) < 20:
                if any(len(line) > _MAX_LINE for field in pair.after.named(name) for line in field.raw.split(b"\r\n")):
                    continue
                yield Violation(rule, "1", f"{name} is not signed once more than it stands there")


def _relaxed(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join([line + b"\r\n" for line in lines])


RULES: Final = (
    encodings_are_valid,
    encoded_lines_are_short,
    lines_are_legal,
    seven_bit_stays_seven_bit,
    no_bare_line_ends,
    untouched_octets_of_a_text_stay,
    signatures_cover_what_goes_out,
)
