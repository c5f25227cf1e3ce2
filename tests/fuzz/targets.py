"""What a fuzzer feeds with octets. Each target takes any octets and raises where the product breaks a promise.

Pure functions over the product: `run.py` mutates inputs with atheris, `test_fuzz.py` gives them the seeds.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from dkim.canonicalization import Relaxed
from shapes import shape_of

from relay.message.compose import Common, Copy, Personal, Prepared, Shown, Undisclosable, copy_for, prepare
from relay.message.content_type import Parameterised, read_content_type, read_disposition, read_transfer
from relay.message.damage import damage
from relay.message.displayed import displayed_parts
from relay.message.dkim import relaxed_body
from relay.message.edits import applied
from relay.message.footer import Disclosure, Footer, FooterFacts, Version
from relay.message.index import Index, Part, index, parts_of, spans
from relay.message.own_footer import HTML_BEGIN, PLAIN_RULE
from relay.message.rules import Amp, Fallback, PlainCharset, Rules
from relay.message.transfer import Transfer, decode, filled, opened
from relay.message.whole_parts import first_part, part_removed
from relay.message.wording import wording_for

#: Inputs beyond this tell nothing that shorter ones do not.
MAX_SIZE: Final = 100_000

COMMON: Final = Common(b"Received: from a by b; now\r\n", b"Date: now\r\n", b"Message-ID: <new@b>\r\n")
FACTS: Final = {
    "en": FooterFacts("Brand", "Tokyo", "care@brand.example", "https://brand.example/p", "News", consented_on=date(2024, 5, 1)),
    "ja": FooterFacts("株式会社ブランド", "東京都", "care@brand.example", "https://brand.example/p", "お知らせ", "会員の方"),
}  # fmt: skip
#: With a token as long as ours are, or a footer with it is not taken for ours.
LINK: Final = "https://mail.brand.example/u/k1abcd" + "A" * 128
_COMMERCIAL: Final = Rules(commercial=True, stream="newsletter", brand="brand", list_id="newsletter.brand.example")
#: The language of the words, and a policy's choices.
WAYS: Final = (
    ("en", replace(_COMMERCIAL, fallback=Fallback.WRAP)),
    ("ja", replace(_COMMERCIAL, fallback=Fallback.WRAP, amp=Amp.DROP)),
    ("ja", replace(_COMMERCIAL, fallback=Fallback.REJECT, charset=PlainCharset.KEEP, amp=Amp.UNDISCLOSABLE)),
    ("en", replace(_COMMERCIAL, fallback=Fallback.HEADERS_ONLY)),
)
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_FOOTER: Final = Footer("____\nhow to stop\n", "<p>how to stop</p>\n")


def structure(content: bytes) -> None:
    """The index of any octets covers them all, and a part can come or go without moving another."""
    message = index(content)
    root = parts_of(message)
    position = 0
    for _, start, end in spans(message, root):
        assert start == position < end
        position = end
    assert position == len(content)
    _check_nesting(root)
    for amp in Amp:
        assert displayed_parts(message, root, amp) != ""
    if message.head.has_empty_line:
        _check_first_part(message, root)
    pairs = [(parent, child) for parent in _everywhere(root) if len(parent.children) > 1 for child in parent.children]
    for parent, child in pairs[:3]:
        if not any(one.trouble for one in _everywhere(root)):
            after = parts_of(index(applied(content, [part_removed(message, child)])))
            closed = parent if child.end == len(content) else None
            assert shape_of(after) == _without(root, child, closed)


def rewriting(content: bytes) -> None:
    """One of the WAYS, chosen by the octets themselves.

    Done again only where no footer of ours is in it before: of one cut to pieces nobody can say where it ends.
    """
    rewritten_in(content, *WAYS[zlib.crc32(content) % len(WAYS)], again=not _holds_marks(content))


def rewritten_in(content: bytes, language: str, rules: Rules, *, again: bool = True) -> None:
    """Never raises, changes only what it has to, and does nothing more when it is done again."""
    passing = copy_for(prepare(index(content), COMMON, replace(rules, commercial=False)), None)
    assert isinstance(passing, Copy)
    assert passing.content.endswith(content[index(content).head.body :])
    once, prepared = _rewritten(content, language, rules)
    if isinstance(once, Undisclosable):
        assert once.why
        assert rules.fallback is not Fallback.HEADERS_ONLY
        return
    assert damage(prepared, once) == ""
    if once.shown in (Shown.ADDED, Shown.OWN_WORDS):
        _check_untouched(content, prepared, once.content)
    # What filled a placeholder is the mailer's own text in a second pass, which adds the items that it says once more.
    # Bare line ends and NUL never get in: the relay refuses them.
    again = again and once.shown is not Shown.NONE and not any(plan.fills for plan in prepared.plans)
    if again and not _BARE.search(content):
        twice, _ = _rewritten(once.content, language, rules)
        assert isinstance(twice, Copy)
        assert _body(twice.content) == _body(once.content)
        assert shape_of(parts_of(index(twice.content))) == shape_of(parts_of(index(once.content)))


def dkim_body(content: bytes) -> None:
    """Canonicalised as dkimpy does it, wherever the pieces are cut."""
    body = content[:2000]
    size = 1 + zlib.crc32(body) % 64
    on_the_wire = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    expected = bytes(Relaxed.canonicalize_body(on_the_wire)) if body else b""
    assert b"".join(relaxed_body(body, 0, size)) == expected


def content_type(value: bytes) -> None:
    """Every value stands where it is said to stand, and what is sound stays sound when its charset is replaced."""
    read_disposition(value, 0, len(value))
    assert read_transfer(value, 0, len(value)) == read_transfer(value, 0, len(value)).lower()
    found = read_content_type(value, 0, len(value))
    assert 0 <= found.kind_end <= len(value)
    for parameter in found.parameters.values():
        assert found.kind_end < parameter.start <= parameter.end <= len(value)
        written = value[parameter.start : parameter.end]
        if b"\\" not in written and b"\r\n" not in written:
            assert written.strip(b'"').decode("latin-1") == parameter.value.strip('"')
    if found.sound and found.kind:
        relabelled = _relabelled(value, found)
        assert (relabelled.kind, relabelled["charset"], relabelled.sound) == (found.kind, "utf-8", True)
        assert _others(relabelled) == _others(found)


def octets(data: bytes) -> None:
    """A body edited in its encoding is the body decoded, edited, and nothing else."""
    if len(data) < 3:
        return
    transfer = list(Transfer)[data[0] % len(Transfer)]
    raw = data[3:]
    text = decode(raw, transfer)
    if text is None:
        return
    start = min(data[1] * (len(text) + 1) // 256, len(text))
    end = min(start + data[2] // 16, len(text))
    if transfer is not Transfer.BASE64 and any(text[max(one - 1, 0) : one + 1] == b"\r\n" for one in (start, end)):
        return  # a place between the two octets of a line end is none
    insertion = b"new text" if data[2] % 2 else b"one\r\ntwo =  three\r\n"
    body = b"".join(filled(opened(raw, text, [(start, end)], transfer), raw, [insertion]))
    assert decode(body, transfer) == text[:start] + insertion + text[end:]


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "structure": structure,
    "rewriting": rewriting,
    "dkim-body": dkim_body,
    "content-type": content_type,
    "octets": octets,
}


def _rewritten(content: bytes, language: str, rules: Rules) -> tuple[Copy | Undisclosable, Prepared]:
    prepared = prepare(index(content), COMMON, rules)
    versions = [Version(FACTS[one], wording_for(one, {})[1], one) for one in dict.fromkeys((language, "en"))]
    personal = Personal(LINK, one_click=True, disclosure=Disclosure(tuple(versions), LINK))
    return copy_for(prepared, personal), prepared


def _holds_marks(content: bytes) -> bool:
    for part in _everywhere(parts_of(index(content))):
        transfer = next((one for one in Transfer if one == part.transfer), Transfer.BINARY)
        text = decode(content[part.body : part.end], transfer) or b""
        if any(mark.encode() in text for mark in (PLAIN_RULE, HTML_BEGIN)):
            return True
    return False


def _body(content: bytes) -> bytes:
    return content[index(content).head.body :]


def _check_nesting(part: Part) -> None:
    assert part.head.start <= part.head.end <= part.body <= part.closing[0] <= part.closing[1] <= part.end
    position = part.body
    for child in part.children:
        assert position <= child.opening[0] < child.opening[1] == child.head.start
        position = child.end
        _check_nesting(child)
    assert position <= part.closing[0]


def _check_first_part(message: Index, root: Part) -> None:
    after = parts_of(index(applied(message.content, first_part(message, root, _FOOTER))))
    if after.trouble:
        assert root.trouble or any(part.trouble for part in _everywhere(root))
    elif after.boundary == root.boundary:
        assert shape_of(after)[:-1] == shape_of(root)[:-1]
        assert [shape_of(child) for child in after.children[1:]] == [shape_of(child) for child in root.children]
    else:
        assert len(after.children) == 2
        assert shape_of(after.children[1])[0] == root.kind.kind


def _check_untouched(content: bytes, prepared: Prepared, result: bytes) -> None:
    """Leaf by leaf: the same octets wherever no text was edited."""
    assert prepared.root is not None
    edited = {plan.part.opening for plan in prepared.plans}
    dropped = {part.opening for part in prepared.displayed.dropped}
    before = [part for part in _everywhere(prepared.root) if not part.children and part.opening not in dropped]
    after = [part for part in _everywhere(parts_of(index(result))) if not part.children]
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old.opening not in edited:
            assert content[old.body : old.end] == result[new.body : new.end]
            if old.opening[1]:
                assert content[old.head.start : old.body] == result[new.head.start : new.body]


def _everywhere(part: Part) -> Iterator[Part]:
    yield part
    for child in part.children:
        yield from _everywhere(child)


def _without(part: Part, removed: Part, closed: Part | None) -> tuple[object, ...]:
    *own, _ = shape_of(part if closed is None or part.head != closed.head else replace(part, closed=True))
    children = [child for child in part.children if child.opening != removed.opening]
    return (*own, tuple([_without(child, removed, closed) for child in children]))


def _relabelled(value: bytes, found: Parameterised) -> Parameterised:
    known = found.parameters.get("charset")
    start, end, new = (
        (found.kind_end,) * 2 + (b"; charset=utf-8",) if known is None else (known.start, known.end, b"utf-8")
    )
    value = value[:start] + new + value[end:]
    return read_content_type(value, 0, len(value))


def _others(found: Parameterised) -> dict[str, str]:
    return {name: one.value for name, one in found.parameters.items() if name != "charset"}
