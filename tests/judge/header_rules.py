"""What holds for the header fields of a rewritten message. Each rule answers what breaks it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from judge.pairing import Pair, Violation
from judge.reading import Entity, RawField, is_report

#: Ours, above all that was there.
_ADDED: Final = frozenset(
    "received date message-id list-unsubscribe list-unsubscribe-post list-id feedback-id cfbl-address cfbl-feedback-id "
    "precedence auto-submitted dkim-signature arc-seal arc-message-signature arc-authentication-results".split()
)
#: For no recipient's eyes.
_SECRET: Final = re.compile(r"bcc|resent-bcc|x-consent-.*")
#: Replaced by ours, or made void by the change.
_REPLACED: Final = re.compile(
    r"list-unsubscribe|list-unsubscribe-post|list-id|dkim-signature|domainkey-signature|arc-.*"
)
#: They say something of a body that is another one now.
_STALE: Final = frozenset({"content-md5", "content-length", "lines"})
_REWORDED: Final = frozenset({"content-type", "content-transfer-encoding"})
_MIME: Final = _REWORDED | {"mime-version"}
#: RFC 2369 section 3, RFC 8058, RFC 2919.
_ONCE: Final = (
    "list-unsubscribe list-unsubscribe-post list-id list-help list-subscribe list-post list-owner list-archive".split()
)
_MAX_LINE: Final = 998


def _new_fields(pair: Pair) -> list[RawField]:
    """The fields of the result that the original does not have."""
    rest = [one.raw for one in pair.before.fields]
    new: list[RawField] = []
    for one in pair.after.fields:
        if one.raw in rest:
            rest.remove(one.raw)
        else:
            new.append(one)
    return new


def header_fields_stay_as_they_are(pair: Pair) -> Iterator[Violation]:
    """No field of the message is changed, refolded, reordered or lost, except what has to be; ours stand above them."""
    rule = "header_fields_stay_as_they_are"
    if pair.before.envelope != pair.after.envelope:
        yield Violation(rule, "1", "the mbox line is another")
    edited = pair.wrapped or any(before is pair.before for before, _ in pair.edited)
    kept = Counter(one.raw for one in pair.before.fields) & Counter(
        _others(pair.after.fields, own=pair.promise.own_list_fields)
    )
    yield from _lost(pair, kept, edited=edited)
    old, new = [one.raw for one in pair.before.fields], [one.raw for one in pair.after.fields]
    same = {raw for raw, count in kept.items() if count == old.count(raw) == new.count(raw)}
    if pair.wrapped:  # the content fields went with the body; what stands here is about the wrapping
        same -= {one.raw for one in pair.after.fields if one.name.startswith("content-")}
    order = [raw for raw in old if raw in same]
    if order != [raw for raw in new if raw in same]:
        yield Violation(rule, "1", "fields stand in another order")
    stayed = _stayed(pair.after.fields, kept)
    for at, one in enumerate(pair.after.fields):
        if at in stayed:
            continue
        if one.name in _MIME and edited:
            if not _has_kept_its_place(one, pair, same):
                yield Violation(rule, "1", f"{one.name} stands elsewhere now")
        elif one.name not in _ADDED or at > min(stayed, default=at):
            yield Violation(rule, "1", f"{one.name} was added in line {at + 1}")


def _stayed(fields: tuple[RawField, ...], kept: Counter[bytes]) -> set[int]:
    """Which fields of the result are the original's; where one of ours reads the same, the lower one."""
    left = Counter(kept)
    found: set[int] = set()
    for at in range(len(fields) - 1, -1, -1):
        if left[fields[at].raw]:
            left[fields[at].raw] -= 1
            found.add(at)
    return found


def _others(fields: tuple[RawField, ...], *, own: bool) -> list[bytes]:
    """All fields but those on top that are ours by their names: a mailer's own may read the same."""
    replaced = re.compile("list-id" if own else "list-unsubscribe|list-unsubscribe-post|list-id")
    top = next((at for at, one in enumerate(fields) if one.name not in _ADDED), len(fields))
    return [one.raw for at, one in enumerate(fields) if at >= top or not replaced.fullmatch(one.name)]


def _lost(pair: Pair, kept: Counter[bytes], *, edited: bool) -> Iterator[Violation]:
    left = Counter(kept)
    for one in pair.before.fields:
        if left[one.raw]:
            left[one.raw] -= 1
        elif not _may_be_gone(one, pair, edited=edited) and not (
            edited and one.name in _REWORDED and pair.after.named(one.name)
        ):
            yield Violation(
                "header_fields_stay_as_they_are", "1", f"{one.name} is gone or was changed: {one.raw[:60]!r}"
            )


def _has_kept_its_place(one: RawField, pair: Pair, same: set[bytes]) -> bool:
    """A field that says something else now stands where it stood; one that was not there may stand anywhere."""
    if pair.wrapped or len(pair.before.named(one.name)) != 1:
        return True
    before = [other.raw in same for other in pair.before.fields]
    after = [other.raw in same for other in pair.after.fields]
    was = next(at for at, other in enumerate(pair.before.fields) if other.name == one.name)
    return sum(before[:was]) == sum(after[: pair.after.fields.index(one)])


def _may_be_gone(one: RawField, pair: Pair, *, edited: bool) -> bool:
    if _SECRET.fullmatch(one.name):
        return True
    if pair.promise.commercial and _REPLACED.fullmatch(one.name):
        return True
    if pair.promise.commercial and one.name in _ONCE and len(pair.before.named(one.name)) > 1:
        return True
    return edited and (one.name in _STALE or (pair.wrapped and one.name.startswith("content-")))


def edited_parts_keep_their_fields(pair: Pair) -> Iterator[Violation]:
    """An edited part's fields stay too; only charset, transfer encoding and stale digests may change."""
    rule = "edited_parts_keep_their_fields"
    for before, after in pair.edited:
        if before is not pair.before:
            old = [one.raw for one in before.fields if one.name not in _REWORDED | _STALE]
            new = [one.raw for one in after.fields if one.name not in _REWORDED | _STALE]
            if old != new:
                yield Violation(rule, before.path, f"{old!r} became {new!r}")
        if not pair.wrapped and not _differs_in_charset_alone(before, after):
            yield Violation(
                rule, before.path, f"Content-Type became {[one.raw for one in after.named('content-type')]}"
            )
        for name in _REWORDED:
            if len(after.named(name)) > max(1, len(before.named(name))):
                yield Violation(rule, before.path, f"two {name} fields")


def _differs_in_charset_alone(before: Entity, after: Entity) -> bool:
    old, new = before.named("content-type"), after.named("content-type")
    if not old:
        return not new or after.kind == before.kind
    if len(old) != len(new):
        return False
    return all(_without_charset(one.raw) == _without_charset(other.raw) for one, other in zip(old, new, strict=True))


def _without_charset(raw: bytes) -> bytes:
    return re.sub(rb"(?i);?[ \t\r\n]*charset[ \t]*=[ \t]*(?:\"[^\"]*\"|[^\s;]*)", b"", raw)


def untouched_parts_keep_their_fields(pair: Pair) -> Iterator[Violation]:
    """The header of every part that is not edited, and the empty line after every header, is the same."""
    edited = [before.path for before, _ in pair.edited]
    for before, after in pair.matches:
        if before is not pair.before and before.path not in edited and before.raw_head != after.raw_head:
            yield Violation("untouched_parts_keep_their_fields", before.path, f"{before.raw_head!r} changed")
        if before.gap != after.gap and not pair.wrapped:
            yield Violation("untouched_parts_keep_their_fields", before.path, "the empty line after the header")


def nobody_sees_blind_copies(pair: Pair) -> Iterator[Violation]:
    """Bcc, Resent-Bcc and the control fields are for no recipient."""
    for one in pair.after.fields:
        if _SECRET.fullmatch(one.name):
            yield Violation("nobody_sees_blind_copies", "1", f"{one.name} is still there")


def list_fields_stand_once(pair: Pair) -> Iterator[Violation]:
    """Exactly one List-Unsubscribe and at most one of each other List-* field; reports and auto-replies get none of ours."""
    if not pair.promise.commercial:
        return
    for name in _ONCE:
        count = len(pair.after.named(name))
        if count > 1:
            yield Violation("list_fields_stand_once", "1", f"{count} {name} fields")
    ours = [one for one in pair.after.named("list-unsubscribe") if pair.promise.link in one.value]
    if _is_an_answer(pair.before):
        if ours:
            yield Violation("list_fields_stand_once", "1", "an answer to somebody has our List-Unsubscribe")
    elif not ours and not (pair.promise.own_list_fields and pair.after.named("list-unsubscribe")):
        yield Violation("list_fields_stand_once", "1", "no List-Unsubscribe with this copy's link")


def _is_an_answer(message: Entity) -> bool:
    """A report, or what says of itself that it answers automatically (RFC 3834 section 5)."""
    answers = [
        one
        for one in message.named("auto-submitted")
        if re.match(r"\s*auto-(?:replied|notified)", one.value, re.IGNORECASE)
    ]
    return is_report(message) or bool(answers)


def list_unsubscribe_is_written_plainly(pair: Pair) -> Iterator[Violation]:
    """ASCII, bracketed URIs with commas between, folded only after a comma, the value begins on the first line."""
    rule = "list_unsubscribe_is_written_plainly"
    for one in _new_fields(pair):
        if one.name != "list-unsubscribe":
            continue
        uris = re.findall(r"<([^<>]*)>", one.value)
        left = re.sub(r"<[^<>]*>", "", one.value).replace(",", "").strip()
        if not one.raw.isascii() or "=?" in one.value:
            yield Violation(rule, "1", "not plain ASCII")
        if not uris or left or any(re.search(r"\s", uri) or not uri for uri in uris):
            yield Violation(rule, "1", f"no list of URIs: {one.value}")
        if any(not line.rstrip().endswith(b",") for line in one.raw.split(b"\r\n")[:-2]):
            yield Violation(rule, "1", "folded elsewhere than after a comma")


def one_click_has_an_https_link(pair: Pair) -> Iterator[Violation]:
    """List-Unsubscribe-Post says what RFC 8058 says, and stands only beside one HTTPS URI."""
    rule = "one_click_has_an_https_link"
    posts = pair.after.named("list-unsubscribe-post")
    if not pair.promise.commercial or not posts or (pair.promise.own_list_fields and posts[0] in pair.before.fields):
        return
    uris = re.findall(
        r"<(https?:[^<>]*)>", " ".join(one.value for one in pair.after.named("list-unsubscribe")), re.IGNORECASE
    )
    if len(uris) != 1 or not uris[0].lower().startswith("https:"):
        yield Violation(rule, "1", f"one-click with {uris}")
    if posts[0].value != "List-Unsubscribe=One-Click":
        yield Violation(rule, "1", posts[0].value)


def new_fields_are_ascii_and_short(pair: Pair) -> Iterator[Violation]:
    """What we add is ASCII, no line of it is longer than 998 octets, none folded right after the colon."""
    for one in _new_fields(pair):
        if not one.raw.isascii() and one.name not in _REWORDED:
            yield Violation("new_fields_are_ascii_and_short", "1", f"{one.name} with 8-bit octets")
        if max(map(len, one.raw.split(b"\r\n"))) > _MAX_LINE and one.name not in _REWORDED:
            yield Violation("new_fields_are_ascii_and_short", "1", f"{one.name} with a line over 998")
        if one.name in _ADDED and re.match(rb"[^:]*:[ \t]*\r\n", one.raw):
            yield Violation("new_fields_are_ascii_and_short", "1", f"{one.name} folded right after its colon")


def identity_fields_are_there(pair: Pair) -> Iterator[Violation]:
    """Date and Message-ID exist, so that no later hop adds them after signing; ours only where there was none."""
    for name in ("date", "message-id"):
        if len(pair.after.named(name)) != max(1, len(pair.before.named(name))):
            yield Violation("identity_fields_are_there", "1", f"{len(pair.after.named(name))} {name} fields")


def stale_digests_are_gone(pair: Pair) -> Iterator[Violation]:
    """Content-MD5, Content-Length and Lines of an edited part would be lies."""
    for before, after in pair.edited:
        for name in _STALE if not pair.wrapped else ():
            if after.named(name):
                yield Violation("stale_digests_are_gone", before.path, f"{name} is still there")


RULES: Final = (
    header_fields_stay_as_they_are,
    edited_parts_keep_their_fields,
    untouched_parts_keep_their_fields,
    nobody_sees_blind_copies,
    list_fields_stand_once,
    list_unsubscribe_is_written_plainly,
    one_click_has_an_https_link,
    new_fields_are_ascii_and_short,
    identity_fields_are_there,
    stale_digests_are_gone,
)
