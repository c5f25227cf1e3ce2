"""Lines that mail can carry: no footer line too long for any charset, none that means something to a mail program.

998 octets is the longest line (RFC 5322 section 2.1.1). A line is measured as if each character that is not ASCII took
what it takes in the most spendthrift charset. Where the link will go stands `footer_template.LINK`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from relay.message.footer_template import LINK

#: 998 less what may come before a line: a space (RFC 3676 section 4.4), an escape sequence; after it: `<!--`.
_LONGEST: Final = 980
#: Characters of a line that was too long. At worst, every other one between escape sequences, that is 880 octets.
_FOLD_AT: Final = 160
_MARGIN: Final = "  "

#: A quotation (RFC 3676), an mbox line, a MIME delimiter or signature line, uuencoded data, SMTP's end of data.
_MEANS_SOMETHING: Final = re.compile(r">|From |--|begin |\.", re.IGNORECASE)
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_TAG: Final = re.compile(r"<[^>]*>")
#: What must not be cut: inside a tag a word, outside of it a character or a character reference.
_IN_TAG: Final = re.compile(r"\s+|\S+")
_OUTSIDE: Final = re.compile(r"\s+|&[#0-9A-Za-z]{1,10};|.", re.DOTALL)
_EMPTY_COMMENT: Final = "<!-- \n -->"


def plain_lines(text: str, room: int) -> str:
    """Each line ends in LF and in no white space, which format=flowed would join to the next. "" for blank text.

    room: the longest link that may come.
    """
    lines: list[str] = []
    for line in text.strip().split("\n"):
        kept = line.rstrip()
        if kept or (lines and lines[-1]):  # never two empty lines in a row
            lines += _folded(kept, room)
    return "\n".join([*map(_harmless, lines), ""]) if any(lines) else ""


def html_lines(text: str, room: int) -> str:
    """The same for HTML, where white space means nothing; "" when nothing would be seen."""
    if not _TAG.sub("", text).strip():
        return ""
    lines = [line.strip() for line in text.split("\n")]
    return "".join([f"{_harmless(one)}\n" for line in lines if line for one in _html_folded(line, room)])


def means_something(line: str) -> bool:
    """Do mail programs see more than text in a line that begins so?"""
    return _MEANS_SOMETHING.match(line) is not None


def _harmless(line: str) -> str:
    return f" {line}" if means_something(line) else line


def _folded(line: str, room: int) -> Iterator[str]:
    """The rest of a folded line stands a little to the right, where it can look like nothing else."""
    if _octets(line, room) <= _LONGEST:
        yield line
        return
    margin = ""
    for piece in line.partition(LINK):
        rest = piece.strip()
        while rest:
            cut = len(rest)
            if cut > _FOLD_AT:
                space = rest.rfind(" ", 1, _FOLD_AT)
                cut = space if space > 0 else _FOLD_AT
            yield (rest if rest == LINK else margin + rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
            margin = _MARGIN


def _octets(line: str, room: int) -> int:
    """GB 18030 has characters of four octets; ISO-2022-JP goes into a run of others and back by three octets each."""
    length = len(line) + room * line.count(LINK)
    return length if line.isascii() else length + sum([3 * len(run) + 6 for run in _NOT_ASCII.findall(line)])


def _html_folded(line: str, room: int) -> list[str]:
    """White space is where a line may end; without any, an empty comment breaks it unseen."""
    if _html_octets(line, room) <= _LONGEST:
        return [line]
    pieces: list[str] = []
    length = 0
    space = after_space = -1
    for piece, may_break in _pieces(line):
        octets = _html_octets(piece, room)
        if length + octets > _LONGEST and space >= 0:
            pieces[space] = "\n"
            length -= after_space
            space = -1
        if length + octets > _LONGEST and may_break and pieces:
            pieces.append(_EMPTY_COMMENT)
            length = len(_EMPTY_COMMENT)
        length += octets
        if piece.isspace():
            space, after_space = len(pieces), length
        pieces.append(piece)
    return "".join(pieces).split("\n")


def _pieces(line: str) -> Iterator[tuple[str, bool]]:
    """What stays together, and whether an empty comment may stand before it."""
    position = 0
    for tag in _TAG.finditer(line):
        for found in _OUTSIDE.findall(line, position, tag.start()):
            yield found, True
        for number, found in enumerate(_IN_TAG.findall(tag[0])):
            yield found, number == 0
        position = tag.end()
    for found in _OUTSIDE.findall(line, position):
        yield found, True


def _html_octets(text: str, room: int) -> int:
    """As a numeric reference a character takes six octets at least: more than in any charset, but for the escapes."""
    length = room * text.count(LINK)
    if text.isascii():
        return length + len(text)
    return length + len(text.encode("ascii", "xmlcharrefreplace")) + 3 * len(_NOT_ASCII.findall(text))
