"""One text part and the footer: what can be known of the part beforehand, and the part with a footer in it.

Planned once a message (`planned`), filled once a recipient (`with_footer`). The part's own octets stay as they are;
only where its charset lacks a character of the footer, or its encoding cannot hold one, is the part encoded anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from relay.message.charset import (
    UTF_8,
    Charset,
    Shape,
    appendable,
    ascii_view,
    charset_of,
    is_readable,
    settled,
    text_of,
    written,
    written_in_html,
)
from relay.message.edits import Edit
from relay.message.footer import Disclosure
from relay.message.index import Index, Part
from relay.message.layout import Layout, LineEnds, Spot, html_layout, plain_layout
from relay.message.part_labels import in_doubt, labelled
from relay.message.placeholders import FOOTER, STUFFED, Fill, written_value
from relay.message.placing import Place, kept_as_utf_8, placed
from relay.message.rules import PlainCharset, Rules
from relay.message.transfer import (
    Cut,
    Opening,
    Transfer,
    decode,
    encode,
    filled,
    has_long_line,
    opened,
    shortest_seven_bit,
    transfer_of,
)

#: Inline PGP (RFC 4880 section 6.2): text added next to it vanishes, or casts doubt on the signature.
_PGP: Final = b"-----BEGIN PGP "
_CONTROLS: Final = re.compile(rb"[\x80-\x9f]")
#: Neither inserts nor keeps an octet that is not ASCII.
_ASCII: Final = Charset("us-ascii", "ascii", Shape.ASCII)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """is_ascii: has the decoded body nothing else? may_be_another: could its charset be another than the label says?
    in_doubt: would some programs not see it labelled anew? readable: does it decode strictly? newline: of the author.

    recoded: the encoding that the whole part gets because a line is too long for the wire, else None. adds: may a footer
    stand here? said: the items that the mailer's own text says, here or above. fills: the placeholders in it. others: the body in other charsets and encodings,
    made when a copy needs one. in_utf_8: the one for all copies that are changed to UTF-8, None where it cannot be; empty
    until a copy needs it.
    """

    part: Part
    charset: Charset
    transfer: Transfer
    is_ascii: bool
    may_be_another: bool
    in_doubt: bool
    places: tuple[Place, ...]
    opening: Opening
    is_html: bool
    readable: bool
    recoded: Transfer | None
    newline: str
    keeps_charset: bool
    adds: bool
    said: frozenset[str] = frozenset()
    fills: frozenset[str] = frozenset()
    others: dict[tuple[bool, Transfer], Opening] = field(default_factory=dict, compare=False, repr=False)
    in_utf_8: list[Opening | None] = field(default_factory=list, compare=False, repr=False)

    def adds_footer(self, disclosure: Disclosure) -> bool:
        """False where the mailer's own text says all that there is to say to this reader."""
        return self.adds and (FOOTER in self.fills or bool(disclosure.footer(self.said).plain))


def planned(
    message: Index, part: Part, rules: Rules, *, is_last: bool = True, said_above: frozenset[str] = frozenset()
) -> TextPlan | str:
    """What to do with this part, or why it is not to be touched.

    is_last: is it the place for the footer? A text above that only has its placeholders filled, and loses a footer of
    before. said_above: what the texts above this one say.
    """
    read = _read(message, part)
    if isinstance(read, str):
        return read
    charset, transfer, raw, octets = read
    view = _view(octets, charset)
    is_html = part.kind.kind == "text/html"
    layout = _problem(octets, view, charset) or _layout(view, octets, charset, part, rules)
    if isinstance(layout, str):
        return layout
    pieces = layout.pieces
    if not is_last and not layout.whole:
        pieces = tuple([one for one in pieces if not isinstance(one, Spot) or one.start < one.end])
        if not pieces:
            return "a text above the last one with nothing to fill"
    readable = is_readable(octets, charset)
    if not readable and not _takes_more(octets, charset, layout, is_html=is_html):
        return f"text that is no {charset.label}"
    recoded = shortest_seven_bit(octets) if transfer.is_identity and has_long_line(octets) else None
    doubt = in_doubt(message, part)
    if doubt and recoded is not None:
        return "lines too long, and an encoding that not all programs would see"
    newline = "\n" if b"\n" in view and b"\r\n" not in view else "\r\n"
    # Where quoted-printable has no line ends, what stands before an insertion decides how its lines are broken.
    apart = transfer is Transfer.QUOTED_PRINTABLE and (newline == "\n" or charset.shape is Shape.WIDE)
    places = placed(pieces, octets, charset, apart=apart)
    fills = {one.name for one in layout.pieces if isinstance(one, Fill)}
    return TextPlan(
        part=part,
        charset=charset,
        transfer=transfer,
        is_ascii=octets.isascii(),
        may_be_another=_may_be_another(octets, charset),
        in_doubt=doubt,
        places=places,
        opening=opened(raw, octets, [(one.start, one.end) for one in places], transfer),
        is_html=is_html,
        readable=readable,
        recoded=recoded,
        newline=newline,
        keeps_charset=rules.charset is PlainCharset.KEEP,
        adds=is_last or layout.whole,
        said=layout.said | said_above,
        fills=frozenset(fills | {FOOTER} if layout.whole else fills),
    )


def _read(message: Index, part: Part) -> tuple[Charset, Transfer, bytes, bytes] | str:
    """Charset, transfer encoding, the raw body and the decoded one; or why nobody can tell what they are."""
    transfer, charset = transfer_of(part.transfer), charset_of(part.kind["charset"])
    if transfer is None or charset is None:
        return "an unknown transfer encoding" if transfer is None else "an unknown charset"
    if not part.head.has_empty_line:
        return "a text part without a body"
    raw = message.content[part.body : part.end]
    octets = decode(raw, transfer)
    if octets is None:
        return f"broken {transfer}"
    found = settled(octets, charset)
    if found is None or (found.shape is Shape.WIDE and transfer.is_identity):
        return "UTF-16 that can be read in two ways"
    return found, transfer, raw, octets


def _view(octets: bytes, charset: Charset) -> bytes:
    """With the last line end, even where ISO-2022-JP has not come back to ASCII before it."""
    view = ascii_view(octets, charset)
    if charset.shape is Shape.ESCAPED and octets.endswith(b"\n"):
        line_end = 2 if octets.endswith(b"\r\n") else 1
        return view[:-line_end] + octets[-line_end:]
    return view


def _problem(octets: bytes, view: bytes, charset: Charset) -> str:
    if b"\0" in (view if charset.shape is Shape.WIDE else octets):
        return "a text part with NUL"
    return "inline PGP" if _PGP in view else ""


def _takes_more(octets: bytes, charset: Charset, layout: Layout, *, is_html: bool) -> bool:
    """May anything be put into octets that nobody can read for certain? A broken character may swallow what follows."""
    if is_html or any(isinstance(one, Fill) for one in layout.pieces):
        return charset.shape is Shape.ASCII
    return appendable(octets, charset)


def _layout(view: bytes, octets: bytes, charset: Charset, part: Part, rules: Rules) -> Layout | str:
    def text() -> str:
        return text_of(octets, charset) or octets.decode(charset.codec, "replace")

    if part.kind.kind == "text/html":
        return html_layout(view, text, rules.literals)
    return plain_layout(view, text, rules.literals, flowed=_is_flowed(part))


def with_footer(message: Index, plan: TextPlan, disclosure: Disclosure) -> list[Edit] | None:
    """The edits that put the footer in, None where there is no way to write it that all readers agree on."""
    if plan.is_html:
        return _html(message, plan, disclosure)
    return _plain(message, plan, disclosure)


def _html(message: Index, plan: TextPlan, disclosure: Disclosure) -> list[Edit] | None:
    texts = _texts(plan, disclosure, 0)
    if texts is None:
        return None
    # Pure ASCII wherever more could hurt: references say the same in every charset.
    only_ascii = not plan.readable or (_has_to_stay_ascii(plan) and plan.recoded is None)
    return _inserted(message, plan, [written_in_html(one, plan.charset, only_ascii=only_ascii) for one in texts])


def _plain(message: Index, plan: TextPlan, disclosure: Disclosure) -> list[Edit] | None:
    """In the words wanted, else in words that the charset holds, or else in UTF-8: in the order that the rules want."""
    texts = _texts(plan, disclosure, 0)
    insertions = _in_charset(plan, texts)
    others = range(1, len(disclosure.versions))
    if insertions is None and plan.keeps_charset:
        insertions = _in_other_words(plan, disclosure, others)
    if insertions is not None:
        return _inserted(message, plan, insertions)
    if texts is not None and not plan.may_be_another and not plan.in_doubt:
        edits = _inserted_as_utf_8(message, plan, [one.encode("utf-8") for one in texts])
        if edits is not None:
            return edits
    insertions = None if plan.keeps_charset else _in_other_words(plan, disclosure, others)
    return None if insertions is None else _inserted(message, plan, insertions)


def _in_other_words(plan: TextPlan, disclosure: Disclosure, versions: Sequence[int]) -> list[bytes] | None:
    for version in versions:
        insertions = _in_charset(plan, _texts(plan, disclosure, version))
        if insertions is not None:
            return insertions
    return None


def _in_charset(plan: TextPlan, texts: Sequence[str] | None) -> list[bytes] | None:
    """In the middle of what does not decode only ASCII says the same in whatever charset it is."""
    if texts is None:
        return None
    charset = plan.charset if plan.readable or not plan.fills else _ASCII
    insertions: list[bytes] = []
    for one in texts:
        octets = written(one, charset)
        if octets is None or (plan.in_doubt and _has_to_stay_ascii(plan) and not octets.isascii()):
            return None
        insertions.append(octets)
    return insertions


def _texts(plan: TextPlan, disclosure: Disclosure, version: int) -> list[str] | None:
    """What is written at each place; None where the footer has no place."""
    said = plan.said
    values: dict[Fill, str] = {}
    if plan.fills:
        for fill in [one for place in plan.places for one in place.pieces if isinstance(one, Fill)]:
            value = written_value(fill, disclosure.value(fill.name, version))
            if not value:  # no link after all
                said -= {fill.name}
            values[fill] = fill.original if value is None else value
    footer = disclosure.footer(frozenset() if FOOTER in plan.fills else said, version)
    words = footer.html if plan.is_html else _stuffed(plan.part, footer.plain)
    words = words if plan.adds else ""
    texts: list[str] = []
    shown = not words
    for place in plan.places:
        text = ""
        for piece in place.pieces:
            if isinstance(piece, Fill):
                text += values[piece]
            elif isinstance(piece, LineEnds) and words:
                text += piece.text
            elif isinstance(piece, Spot) and words:
                text += piece.before + words
                shown = True
        texts.append(text.replace("\n", plan.newline))
    return texts if shown else None


def _inserted(message: Index, plan: TextPlan, insertions: Sequence[bytes]) -> list[Edit]:
    insertions = [place.written(one) for place, one in zip(plan.places, insertions, strict=True)]
    transfer = plan.recoded
    if transfer is None and _has_to_stay_ascii(plan) and not all(map(bytes.isascii, insertions)):
        transfer = shortest_seven_bit(_octets(message, plan) + b"".join(insertions))
    if transfer is None:
        body = filled(plan.opening, _raw(message, plan.part), insertions)
        if not (plan.transfer.is_identity and plan.fills and has_long_line(b"".join(body))):
            return _edited(message, plan, body)
        transfer = shortest_seven_bit(b"".join(body))
    cuts = [(place.start, place.end) for place in plan.places]
    opening = _other(plan, (False, transfer), lambda: (_octets(message, plan), cuts))
    return _edited(message, plan, filled(opening, b"", insertions), transfer=transfer)


def _inserted_as_utf_8(message: Index, plan: TextPlan, insertions: Sequence[bytes]) -> list[Edit] | None:
    """ASCII stays as it is; anything else is encoded anew as a whole."""
    if not (plan.is_ascii and plan.charset.shape is Shape.ASCII):
        return _changed_to_utf_8(message, plan, insertions)
    if not plan.transfer.is_identity and plan.recoded is None:
        return _edited(message, plan, filled(plan.opening, _raw(message, plan.part), insertions), UTF_8)
    octets = _octets(message, plan)
    cuts = [(place.start, place.end) for place in plan.places]
    transfer = plan.recoded or plan.transfer
    if transfer.is_identity:
        transfer = shortest_seven_bit(octets + b"".join(insertions))
    opening = _other(plan, (False, transfer), lambda: (octets, cuts))
    return _edited(message, plan, filled(opening, b"", insertions), UTF_8, transfer)


def _changed_to_utf_8(message: Index, plan: TextPlan, insertions: Sequence[bytes]) -> list[Edit] | None:
    if not plan.in_utf_8:
        plan.in_utf_8.append(_in_utf_8(message, plan) if plan.readable else None)
    opening = plan.in_utf_8[0]
    if opening is None:
        return None
    body = filled(opening, b"", insertions)
    if opening.transfer.is_identity and plan.fills and opening.recoded is not None and has_long_line(b"".join(body)):
        octets, cuts = opening.recoded, opening.cuts
        opening = _other(plan, (True, shortest_seven_bit(octets)), lambda: (octets, cuts))
        body = filled(opening, b"", insertions)
    return _edited(message, plan, body, UTF_8, opening.transfer)


def _in_utf_8(message: Index, plan: TextPlan) -> Opening | None:
    """Lines may be longer in UTF-8 than in the part's charset."""
    kept = kept_as_utf_8(_octets(message, plan), plan.charset, plan.places)
    if kept is None:
        return None
    octets, cuts = kept
    transfer = plan.recoded or plan.transfer
    if transfer.is_identity and (_has_to_stay_ascii(plan) or has_long_line(octets)):
        transfer = shortest_seven_bit(octets)
    return _other(plan, (True, transfer), lambda: (octets, cuts))


def _other(plan: TextPlan, key: tuple[bool, Transfer], body: Callable[[], tuple[bytes, Sequence[Cut]]]) -> Opening:
    """The whole body in another encoding, opened. key: is it UTF-8 by now, and the encoding."""
    opening = plan.others.get(key)
    if opening is None:
        octets, cuts = body()
        encoded = encode(octets, key[1])
        opening = replace(opened(encoded, octets, cuts, key[1]), recoded=encoded)
        plan.others[key] = opening
    return opening


def _raw(message: Index, part: Part) -> memoryview:
    return memoryview(message.content)[part.body : part.end]


def _octets(message: Index, plan: TextPlan) -> bytes:
    """The decoded body, once more: it is seldom needed, and as large as the message."""
    octets = decode(bytes(_raw(message, plan.part)), plan.transfer)
    assert octets is not None  # noqa: S101 - it was decoded when it was planned
    return octets


def _edited(
    message: Index,
    plan: TextPlan,
    body: Sequence[bytes | memoryview],
    label: str = "",
    transfer: Transfer | None = None,
) -> list[Edit]:
    """The part with a new body, and the header fields that say what it is now."""
    new_transfer = None if transfer is plan.transfer else transfer
    return [(plan.part.body, plan.part.end, tuple(body)), *labelled(message, plan.part, label, new_transfer)]


def _has_to_stay_ascii(plan: TextPlan) -> bool:
    """A part without 8-bit octets gets none, whatever its label: no hop has to convert what was signed (RFC 6152)."""
    return plan.transfer.is_identity and plan.is_ascii


def _may_be_another(octets: bytes, charset: Charset) -> bool:
    """ISO-8859-1 with control characters is windows-1252 to every mail program, but not by its label."""
    return charset.codec.startswith("iso8859_") and _CONTROLS.search(octets) is not None


def _is_flowed(part: Part) -> bool:
    return part.kind["format"].lower() == "flowed"


def _stuffed(part: Part, footer: str) -> str:
    """format=flowed (RFC 3676 section 4.4): these line starts mean something else there."""
    if not _is_flowed(part):
        return footer
    return "\n".join([f" {line}" if line.startswith(STUFFED) else line for line in footer.split("\n")])
