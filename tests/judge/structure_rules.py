"""What holds for the parts of a rewritten message: the same ones in the same order, untouched but for the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final

from judge.pairing import Pair, Violation
from judge.reading import Entity, is_report


def parts_match(pair: Pair) -> Iterator[Violation]:
    """Number, order and types of the parts are the same; at most one part of ours is added, none taken out unasked."""
    if pair.misfit:
        yield Violation("parts_match", "1", pair.misfit)
    if len(pair.added) > 1:
        yield Violation("parts_match", "1", f"{len(pair.added)} parts added")
    if pair.dropped and not pair.promise.amp_dropped:
        yield Violation("parts_match", "1", "a part was taken out")


def email_package_sees_the_same_parts(pair: Pair) -> Iterator[Violation]:
    """Python's own parser finds the same tree before and after, with no defect that was not there."""
    rule = "email_package_sees_the_same_parts"
    if pair.added or pair.dropped:
        return
    try:
        before, after = message_from_bytes(pair.raw_before), message_from_bytes(pair.raw_after)
    except (LookupError, ValueError, RecursionError):
        return
    old, new = list(_tree(before, 0)), list(_tree(after, 0))
    if [one[:2] for one in old] != [one[:2] for one in new]:
        yield Violation(rule, "1", f"{[one[:2] for one in old]} became {[one[:2] for one in new]}")
        return
    for one, other in zip(old, new, strict=True):
        if len(other[2]) > len(one[2]):
            yield Violation(rule, "1", f"new defects: {other[2]}")


def _tree(message: Message, depth: int) -> Iterator[tuple[int, str, list[str]]]:
    yield depth, message.get_content_type(), [type(one).__name__ for one in message.defects]
    if depth < 80 and message.is_multipart():
        for child in message.get_payload():
            if isinstance(child, Message):
                yield from _tree(child, depth + 1)


def text_around_the_parts_stays(pair: Pair) -> Iterator[Violation]:
    """Delimiters, preambles and epilogues are the same octets; no end is added to a multipart that had none."""
    rule = "text_around_the_parts_stays"
    for before, after in pair.matches:
        if not before.children:
            continue
        if before.preamble != after.preamble:
            yield Violation(rule, before.path, "the preamble changed")
        if before.epilogue != after.epilogue:
            yield Violation(rule, before.path, "the epilogue changed")
        if before.closed != after.closed:
            yield Violation(rule, before.path, "the end delimiter came or went")
        same_number = len(before.children) == len(after.children)
        if same_number and before.delimiters != after.delimiters:
            yield Violation(rule, before.path, "a delimiter changed")
        if not same_number and {one.strip() for one in before.delimiters} != {one.strip() for one in after.delimiters}:
            yield Violation(rule, before.path, "a delimiter that was not there")


def _unedited(name: str, sentence: str, belongs: Callable[[Entity], bool]) -> Callable[[Pair], Iterator[Violation]]:
    """A rule that parts of one sort come out octet by octet. Its name and sentence are those of a function like the others."""

    def rule(pair: Pair) -> Iterator[Violation]:
        for before, after in pair.edited:
            if belongs(before):
                yield Violation(name, before.path, f"{before.kind}: {len(before.body)} octets became {len(after.body)}")

    rule.__name__, rule.__doc__ = name, sentence
    return rule


attachments_stay = _unedited(
    "attachments_stay",
    "An attachment is nobody's text, of whatever type it is.",
    lambda part: part.path != "1" and part.disposition not in ("", "inline"),
)
forwarded_messages_stay = _unedited(
    "forwarded_messages_stay", "What somebody forwards is theirs.", lambda part: part.kind.startswith("message/")
)
sealed_parts_stay = _unedited(
    "sealed_parts_stay",
    "Signed and encrypted parts are never opened, inline PGP neither.",
    lambda part: part.is_sealed or b"-----BEGIN PGP" in (part.octets or b""),
)
calendars_and_amp_stay = _unedited(
    "calendars_and_amp_stay",
    "Invitations and AMP have their own grammar, which a footer breaks.",
    lambda part: part.kind in ("text/calendar", "text/x-amp-html", "application/ics"),
)
other_parts_stay = _unedited(
    "other_parts_stay",
    "Whatever is neither text/plain nor text/html comes out octet by octet.",
    lambda part: not part.kind.startswith("message/") and part.kind not in ("text/plain", "text/html"),
)
headless_parts_stay = _unedited(
    "headless_parts_stay",
    "A part that has no empty line after its header has no body to write to.",
    lambda part: not part.gap,
)


def reports_stay(pair: Pair) -> Iterator[Violation]:
    """A delivery report is for programs: nothing is written into it, nothing put around it."""
    if is_report(pair.before) and (pair.edited or pair.added):
        yield Violation("reports_stay", "1", "a report was edited")


def unpromised_bodies_stay(pair: Pair) -> Iterator[Violation]:
    """A copy that carries no footer has the body of the original."""
    if not (pair.promise.footer and pair.promise.commercial) and pair.before.body != pair.after.body:
        yield Violation("unpromised_bodies_stay", "1", "the body changed")


def added_parts_are_plain_to_see(pair: Pair) -> Iterator[Violation]:
    """A part of ours is text, shown inline, without a file name, and says the link once."""
    rule = "added_parts_are_plain_to_see"
    for part in pair.added:
        if part.kind != "text/plain" or part.disposition != "inline" or part.has_name:
            yield Violation(rule, part.path, f"{part.kind}, {part.disposition or 'no disposition'}")
        if (part.text or "").count(pair.promise.link) != 1:
            yield Violation(rule, part.path, "the link does not stand there once")
        if len(part.named("content-type")) != 1 or not part.gap:
            yield Violation(rule, part.path, "a broken header")


RULES: Final = (
    parts_match,
    email_package_sees_the_same_parts,
    text_around_the_parts_stays,
    attachments_stay,
    forwarded_messages_stay,
    sealed_parts_stay,
    calendars_and_amp_stay,
    other_parts_stay,
    headless_parts_stay,
    reports_stay,
    unpromised_bodies_stay,
    added_parts_are_plain_to_see,
)
