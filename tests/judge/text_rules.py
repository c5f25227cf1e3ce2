"""What holds for the text of edited parts: the author's words are all there, in their order, and ours stand once."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

from judge.pairing import Pair, Promise, Violation
from judge.reading import Entity, codec_of, decoded

PLAIN_MARK: Final = "_" * 40
HTML_BEGIN: Final = "<!--consent-relay:footer-->"
HTML_END: Final = "<!--/consent-relay:footer-->"
_NAMES: Final = (
    "unsubscribe_url why sender postal_address contact privacy_policy purpose audience consent_date consent_source "
    "stop_address footer"
).split()
_NAME: Final = "(" + "|".join(_NAMES) + ")"
PLACEHOLDER: Final = re.compile(
    rf"\{{\{{(?:\s|&nbsp;|&#160;)*{_NAME}(?:\s|&nbsp;|&#160;)*\}}\}}|%7B%7B(?:%20|\+|\s)*{_NAME}(?:%20|\+|\s)*%7D%7D",
    re.IGNORECASE,
)
#: A whole plain footer of this relay, unquoted, with the line ends around it.
PLAIN_FOOTER: Final = re.compile(
    rf"(?:(?:\r?\n)*^|\A) ?{PLAIN_MARK}[ ]*\r?\n(?:(?!>| ?{PLAIN_MARK}).*\r?\n){{1,200}}? ?{PLAIN_MARK}[ ]*(?:\r?\n)*",
    re.MULTILINE,
)
_HTML_FOOTER: Final = re.compile(rf"(?:\r?\n)?{HTML_BEGIN}.*?{HTML_END}(?:\r?\n)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Hole:
    """A place in the original where something else may stand now. name: of the placeholder, "" for an old footer."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Footer:
    """Where the new footer stands in the rewritten text, marks included."""

    start: int
    end: int


def texts_of(before: Entity, after: Entity) -> tuple[str, str] | None:
    """Both texts to compare: characters, or where the original is none of its charset's octets as Latin-1."""
    if before.octets is None or after.octets is None:
        return None
    if before.text is not None and after.text is not None:
        return before.text, after.text
    if before.charset != after.charset:
        return None
    return before.octets.decode("latin-1"), after.octets.decode("latin-1")


def edited_text_decodes(pair: Pair) -> Iterator[Violation]:
    """The new text is strictly what its charset label says, unless the author's already was not."""
    for before, after in pair.edited:
        if after.octets is None or (
            after.text is None and (before.text is not None or before.charset != after.charset)
        ):
            yield Violation("edited_text_decodes", before.path, f"no {after.charset or 'us-ascii'}")


def charset_changes_only_where_it_must(pair: Pair) -> Iterator[Violation]:
    """Plain text becomes UTF-8 only for a footer that its own charset cannot hold; HTML never changes its charset."""
    rule = "charset_changes_only_where_it_must"
    for before, after in pair.edited:
        if before.charset == after.charset:
            continue
        if before.kind == "text/html":
            yield Violation(rule, before.path, f"HTML: {before.charset} became {after.charset}")
        if after.charset != "utf-8":
            yield Violation(rule, before.path, f"{before.charset} became {after.charset}")
        if before.text is None:
            yield Violation(rule, before.path, f"recoded, though it is no {before.charset}")
            continue
        new = (after.text or "")[len(before.text.rstrip()) :]
        if not _has_holes(before.text, before.kind) and _fits(new, before.charset):
            yield Violation(rule, before.path, f"{before.charset} could have held the footer")


def _fits(text: str, charset: str) -> bool:
    try:
        octets = text.encode(charset or "ascii")
    except (LookupError, ValueError):
        return False
    return octets.decode(charset or "ascii") == text and not octets.decode("latin-1").startswith("\xff\xfe")


def the_authors_text_is_all_there(pair: Pair) -> Iterator[Violation]:
    """Plain text is the original and then the footer; HTML the original with one insertion; placeholders are filled."""
    rule = "the_authors_text_is_all_there"
    for before, after in pair.edited:
        texts = texts_of(before, after)
        if texts is None:
            yield Violation(rule, before.path, "cannot be compared")
            continue
        old, new = texts
        problem = _difference(old, new, before.kind, pair.promise)
        if problem:
            yield Violation(rule, before.path, problem)


def _difference(old: str, new: str, kind: str, promise: Promise) -> str:
    holes = holes_in(old, kind)
    problems: list[str] = []
    for rest in _without_footer(new, kind, promise):
        fills = _fills(old, holes, rest)
        if fills is None:
            problems.append(_first_difference(old, rest))
            continue
        wrong = next(filter(None, [_wrong(old, hole, fill, kind, promise) for hole, fill in fills]), "")
        if not wrong:
            return ""
        problems.insert(0, wrong)
    return problems[0] if problems else "the footer is not where it can be told from the text"


def _without_footer(new: str, kind: str, promise: Promise) -> Iterator[str]:
    """The new text without our footer, in every way that the line ends around it may have been ours."""
    for footer in new_footers(new, kind, promise):
        before, behind = new[: footer.start], new[footer.end :]
        for start in _less(before, at_end=True, times=3 if kind == "text/plain" else 1):
            for end in _less(behind, at_end=False, times=1):
                yield start + end
    if PLACEHOLDER.search(new) is None:
        yield new


def _less(text: str, *, at_end: bool, times: int) -> Iterator[str]:
    yield text
    for _ in range(times):
        # In ISO-2022-JP that is compared by its octets, the way back to ASCII is ours, too.
        shorter = re.sub(r"(?:\x1b\(B)?\r?\n\Z" if at_end else r"\A\r?\n", "", text)
        if shorter == text:
            return
        text = shorter
        yield text


def _fills(old: str, holes: list[_Hole], new: str) -> list[tuple[_Hole, str]] | None:
    """What stands in each hole now, None where the rest is not the original's."""
    if not holes:
        return [] if old == new else None
    pieces = [
        old[left:right]
        for left, right in zip([0, *[one.end for one in holes]], [*[one.start for one in holes], len(old)], strict=True)
    ]
    if not new.startswith(pieces[0]) or not new.endswith(pieces[-1]):
        return None
    position, last = len(pieces[0]), len(new) - len(pieces[-1])
    fills: list[tuple[_Hole, str]] = []
    for hole, piece in zip(holes[:-1], pieces[1:-1], strict=True):
        found = new.find(piece, position, last)
        if found < 0:
            return None
        fills.append((hole, new[position:found]))
        position = found + len(piece)
    return [*fills, (holes[-1], new[position:last])] if position <= last else None


def _wrong(old: str, hole: _Hole, fill: str, kind: str, promise: Promise) -> str:
    if hole.name in ("", "footer"):
        return ""
    if kind == "text/html" and fill == old[hole.start : hole.end]:
        return ""  # where nobody sees it; `no_placeholder_is_shown` knows
    if PLACEHOLDER.search(fill):
        return f"the placeholder {hole.name} is still there"
    value = promise.values.get(hole.name)
    if value is None or value in (fill, html.unescape(fill), unquote(fill), unquote(html.unescape(fill))):
        return ""
    return f"{hole.name} became {fill!r}"


def holes_in(text: str, kind: str) -> list[_Hole]:
    return list(_cached_holes(text, kind))


@lru_cache(maxsize=64)
def _cached_holes(text: str, kind: str) -> tuple[_Hole, ...]:
    holes = []
    if may_have_footer(text):
        found = _HTML_FOOTER.finditer(text) if kind == "text/html" else _plain_footers(text)
        holes = [_Hole(one.start(), one.end(), "") for one in found]
    if "{{" in text or "%7" in text:
        for one in PLACEHOLDER.finditer(text):
            if not any(hole.start <= one.start() < hole.end for hole in holes):
                holes.append(_Hole(one.start(), one.end(), (one[1] or one[2]).lower()))
    return tuple(sorted(holes, key=lambda hole: hole.start))


def _plain_footers(text: str) -> list[re.Match[str]]:
    """Unquoted footers in plain text: between two of our marks, with a link in it."""
    return [found for found in PLAIN_FOOTER.finditer(text) if "http" in found[0]]


def may_have_footer(text: str) -> bool:
    return PLAIN_MARK in text or HTML_BEGIN in text


def _has_holes(text: str, kind: str) -> bool:
    return bool(holes_in(text, kind))


def _first_difference(old: str, new: str) -> str:
    at = next(
        (number for number, (one, other) in enumerate(zip(old, new, strict=False)) if one != other),
        min(len(old), len(new)),
    )
    return f"at {at}: {old[at - 15 : at + 30]!r} became {new[at - 15 : at + 30]!r}"


def new_footers(text: str, kind: str, promise: Promise) -> list[Footer]:
    """The footers in a text that have this copy's link or stand unquoted with our marks, the last one first."""
    if kind == "text/html":
        link = html.escape(promise.link)
        found = [Footer(one.start(), one.end()) for one in re.finditer(f"{HTML_BEGIN}.*?{HTML_END}", text, re.DOTALL)]
        return sorted(found, key=lambda one: (link not in text[one.start : one.end], -one.start))
    lines = [one.start() for one in re.finditer(rf"^ ?{PLAIN_MARK}[ ]*\r?$", text, re.MULTILINE)]
    blocks: list[Footer] = []
    for start, end in pairwise(lines):
        stop = text.find("\n", end)
        blocks.append(Footer(start, len(text) if stop < 0 else stop + 1))
    return sorted(blocks, key=lambda one: (promise.link not in text[one.start : one.end], -one.start))


def plain_footers_stand_at_the_end(pair: Pair) -> Iterator[Violation]:
    """An empty line, the mark, the footer, the mark; nothing behind, nothing glued to the author's last line."""
    rule = "plain_footers_stand_at_the_end"
    for before, after in pair.edited:
        if before.kind != "text/plain":
            continue
        texts = texts_of(before, after)
        found = new_footers(texts[1], before.kind, pair.promise) if texts else []
        if texts is None or not found or any(hole.name in ("", "footer") for hole in holes_in(texts[0], before.kind)):
            continue  # it stands where the author wants it, or where another one of ours stood
        text, footer = texts[1], found[0]
        if text[: footer.start].strip() and not re.search(r"\n(?:\x1b\(B)?\r?\n\Z", text[: footer.start]):
            yield Violation(rule, before.path, f"no empty line before it: {text[: footer.start][-20:]!r}")
        if text[footer.end :].strip():
            yield Violation(rule, before.path, f"text behind it: {text[footer.end :][:40]!r}")
        if before.parameters.get("format", "").lower() == "flowed":
            for line in re.split(r"\r?\n", text[footer.start : footer.end]):
                if line.startswith((">", "From ")) or line.endswith(" "):
                    yield Violation(rule, before.path, f"format=flowed would read this otherwise: {line!r}")


def iso_2022_jp_is_escaped_rightly(pair: Pair) -> Iterator[Violation]:
    """No 8-bit octets, no two escapes in a row, back to ASCII at every end, nothing but JIS X 0208 in what we wrote."""
    rule = "iso_2022_jp_is_escaped_rightly"
    for before, after in pair.edited:
        if codec_of(after.charset) != "iso2022_jp" or before.octets is None or after.octets is None:
            continue
        old, new = before.octets, after.octets
        if not new.isascii() and old.isascii():
            yield Violation(rule, before.path, "8-bit octets")
        for escapes in (rb"\x1b\([BJ]\x1b\$[@B]", rb"\x1b\(I", rb"\x1b\$\(D", rb"\x1b\$[@B][^\x1b]*\r\n"):
            if len(re.findall(escapes, new)) > len(re.findall(escapes, old)):
                yield Violation(rule, before.path, f"a new {escapes!r}")
        states = re.findall(rb"\x1b(?:\([BJI]|\$[@B]|\$\(D)", new)
        if states and states[-1] not in (b"\x1b(B", b"\x1b(J") and after.kind == "text/plain":
            yield Violation(rule, before.path, "does not end in ASCII")
        written = _insertion(old, new)
        if decoded(written, "iso-2022-jp") is None:
            yield Violation(rule, before.path, "what we wrote is no ISO-2022-JP by itself")


def _insertion(old: bytes, new: bytes) -> bytes:
    """The footer's octets, from the line of its first mark to that of its last."""
    ends = [one.start() for one in re.finditer(rb"_{40}|<!--/?consent-relay:footer-->", new)]
    if len(ends) < 2:
        return b""
    first = new.rfind(b"\n", 0, ends[-2]) + 1
    return new[first : ends[-1]] if new[first : ends[-1]] not in old else b""


RULES: Final = (
    edited_text_decodes,
    charset_changes_only_where_it_must,
    the_authors_text_is_all_there,
    plain_footers_stand_at_the_end,
    iso_2022_jp_is_escaped_rightly,
)
