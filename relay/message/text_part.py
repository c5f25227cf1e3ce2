"""One text part and the footer: what can be known of the part beforehand, and the part with a footer in it.

Planned once a message (`planned`), filled once a recipient (`with_footer`). The part's own octets stay as they are;
only where its charset lacks a character of the footer, or its encoding cannot hold one, is the part encoded anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relay.message.charset import (
    UTF_8,
    Charset,
    Shape,
    around_insertion,
    ascii_view,
    charset_of,
    text_of,
    written,
    written_in_html,
)
from relay.message.footer import Footer
from relay.message.headers import Edit
from relay.message.html_end import footer_place
from relay.message.index import Field, Index, Part
from relay.message.transfer import (
    Opening,
    Transfer,
    decode,
    encode,
    filled,
    has_long_line,
    opened_at,
    shortest_seven_bit,
    transfer_of,
)

#: Inline PGP (RFC 4880 section 6.2): text added next to it vanishes, or casts doubt on the signature.
_PGP: Final = b"-----BEGIN PGP "
#: Wrong as soon as the part is edited.
_STALE: Final = frozenset({"content-md5", "content-length", "lines"})
_UTF_8: Final = Charset(UTF_8, UTF_8, Shape.ASCII)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """octets: the decoded body. offset: where the footer goes. readable: do the octets decode strictly?

    recoded: the encoding that the whole part gets because a line is too long for the wire, else None.
    """

    part: Part
    charset: Charset
    transfer: Transfer
    octets: bytes
    offset: int
    opening: Opening
    is_html: bool
    readable: bool
    recoded: Transfer | None


def planned(message: Index, part: Part) -> TextPlan | str:
    """What to do with this part, or why it is not to be touched."""
    transfer, charset = transfer_of(part.transfer), charset_of(part.kind["charset"])
    if transfer is None:
        return "an unknown transfer encoding"
    if charset is None:
        return "an unknown charset"
    raw = message.content[part.body : part.end]
    octets = decode(raw, transfer)
    problem = _problem(part, octets, transfer)
    if octets is None or problem:
        return problem
    readable = text_of(octets, charset) is not None
    is_html = part.kind.kind == "text/html"
    # In other charsets a broken character may swallow the "<" after it; plain text has no other way out than UTF-8.
    if not readable and not (is_html and charset.shape is Shape.ASCII):
        return f"text that is no {charset.label}"
    place = footer_place(ascii_view(octets, charset)) if is_html else len(octets)
    if isinstance(place, str):
        return place
    recoded = shortest_seven_bit(octets) if transfer.is_identity and has_long_line(octets) else None
    opening = opened_at(raw, octets, place, transfer)
    return TextPlan(part, charset, transfer, octets, place, opening, is_html, readable, recoded)


def _problem(part: Part, octets: bytes | None, transfer: Transfer) -> str:
    if not part.head.has_empty_line:
        return "a text part without a body"
    if octets is None:
        return f"broken {transfer}"
    if b"\0" in octets:
        return "a text part with NUL"
    return "inline PGP" if _PGP in octets else ""


def with_footer(message: Index, plan: TextPlan, footer: Footer) -> list[Edit] | None:
    """The edits that put the footer in, None where there is no way to write it that all readers agree on."""
    return _html(message, plan, footer.html) if plan.is_html else _plain(message, plan, footer.plain)


def _html(message: Index, plan: TextPlan, footer: str) -> list[Edit]:
    newline = _newline(plan.octets)
    # Pure ASCII wherever more could hurt: references say the same in every charset.
    only_ascii = not plan.readable or _has_to_stay_ascii(plan)
    insertion = written_in_html(footer.replace("\n", newline), plan.charset, only_ascii=only_ascii)
    return _inserted(message, plan, _line_start(plan, newline) + insertion)


def _plain(message: Index, plan: TextPlan, footer: str) -> list[Edit] | None:
    newline = _newline(plan.octets)
    text = newline + _stuffed(plan.part, footer).replace("\n", newline)  # an empty line before it
    insertion = written(text, plan.charset)
    if insertion is not None and (insertion.isascii() or not _has_to_stay_ascii(plan)):
        return _inserted(message, plan, _line_start(plan, newline) + insertion)
    octets = plan.octets
    label = ""
    if insertion is None:
        original = text_of(octets, plan.charset)
        if original is None or _may_be_windows_1252(original, plan.charset):
            return None
        octets, insertion, label = original.encode("utf-8"), text.encode("utf-8"), UTF_8
    whole = octets + _line_start(plan, newline) + insertion
    if label and octets == plan.octets and not plan.transfer.is_identity:
        opening = plan.opening  # it was ASCII: what is there may stay
        return _edited(message, plan, filled(opening, _line_start(plan, newline) + insertion), label)
    transfer = plan.recoded or plan.transfer
    if transfer.is_identity and _has_to_stay_ascii(plan):
        transfer = shortest_seven_bit(whole)
    return _edited(message, plan, encode(whole, transfer), label, transfer)


def _inserted(message: Index, plan: TextPlan, insertion: bytes) -> list[Edit]:
    before, after = around_insertion(plan.octets, plan.offset, plan.charset)
    insertion = before + insertion + after
    if plan.recoded is not None:
        whole = plan.octets[: plan.offset] + insertion + plan.octets[plan.offset :]
        return _edited(message, plan, encode(whole, plan.recoded), transfer=plan.recoded)
    return _edited(message, plan, filled(plan.opening, insertion))


def _edited(
    message: Index, plan: TextPlan, body: bytes, label: str = "", transfer: Transfer | None = None
) -> list[Edit]:
    """The part with a new body, and the header fields that say what it is now."""
    part, content = plan.part, message.content
    edits: list[Edit] = [(part.body, part.end, body)]
    edits += [(one.start, one.end, b"") for one in part.head.fields if one.name in _STALE]
    new_transfer = transfer is not None and transfer is not plan.transfer
    if not label and not new_transfer:
        return edits
    added = b""
    if part.head == message.head and not part.head.named("mime-version"):
        added += b"MIME-Version: 1.0\r\n"
    if label:
        types = part.head.named("content-type")
        if types:
            edits.append(_charset_edit(part, label))
        else:
            added += b"Content-Type: text/plain; charset=" + label.encode("ascii") + b"\r\n"
    if new_transfer and transfer is not None:
        fields = part.head.named("content-transfer-encoding")
        if fields:
            edits.append(_value_edit(content, fields[0], transfer))
        else:
            added += b"Content-Transfer-Encoding: " + transfer.encode("ascii") + b"\r\n"
    if added:
        edits.append((part.head.end, part.head.end, added))
    return edits


def _charset_edit(part: Part, label: str) -> Edit:
    known = part.kind.parameters.get("charset")
    if known is not None:
        return (known.start, known.end, label.encode("ascii"))
    return (part.kind.kind_end, part.kind.kind_end, b"; charset=" + label.encode("ascii"))


def _value_edit(content: bytes, field: Field, transfer: Transfer) -> Edit:
    return (field.start, field.end, content[field.start : field.value] + b" " + transfer.encode("ascii") + b"\r\n")


def _newline(octets: bytes) -> str:
    """Encoded text may have the line ends of its author's machine; the footer has the same."""
    return "\n" if b"\n" in octets and b"\r\n" not in octets else "\r\n"


def _line_start(plan: TextPlan, newline: str) -> bytes:
    """What brings the insertion to the start of a line."""
    before = plan.octets[max(plan.offset - 2, 0) : plan.offset]
    return b"" if not before or before.endswith(b"\n") else newline.encode("ascii")


def _has_to_stay_ascii(plan: TextPlan) -> bool:
    """A part without 8-bit octets gets none, whatever its label: no hop has to convert what was signed (RFC 6152)."""
    return plan.transfer.is_identity and plan.octets.isascii()


def _may_be_windows_1252(text: str, charset: Charset) -> bool:
    """ISO-8859-1 with control characters is windows-1252 to every mail program, but not by its label."""
    return charset.codec == "iso8859_1" and any("\x80" <= one <= "\x9f" for one in text)


def _stuffed(part: Part, footer: str) -> str:
    """format=flowed (RFC 3676 section 4.4): these line starts mean something else there."""
    if part.kind["format"].lower() != "flowed":
        return footer
    return "\n".join([f" {line}" if line.startswith((" ", ">", "From ")) else line for line in footer.split("\n")])
