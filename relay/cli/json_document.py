"""Reads the records of one JSON document piece by piece, as long as it may be: an array of objects, or an object that
holds one under a name that the known formats use. Gives back text, one record a line; parses nothing into rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from relay.cli.list_records import LONGEST_LINE
from relay.consent.known_formats import FORMATS

_NAMES: Final = sorted({form.records[-1] for form in FORMATS if form.records})
_RECORDS: Final = re.compile(rf'"(?:{"|".join(_NAMES)})"\s*:\s*\[', re.IGNORECASE)
_BETWEEN: Final = " \t\r\n,"
#: Where the next record may begin when one is broken.
_NEXT: Final = re.compile(r"\}\s*,\s*(?=\{)")
_DECODER: Final = json.JSONDecoder()


class DocumentError(Exception):
    """Why a document's records cannot be found."""


def is_document(begun: str, first_line: str) -> bool:
    """One document, or an object a line? begun: the first piece of the file."""
    if first_line.lstrip().startswith("["):
        return True
    try:
        json.loads(first_line)
    except (ValueError, RecursionError):
        # A first line that is broken, followed by whole ones, is a list with one bad line.
        rest = begun.partition("\n")[2].lstrip()
        return not rest.startswith("{") or _RECORDS.search(begun) is not None
    return _RECORDS.search(first_line) is not None


def records_of_document(pieces: Iterable[str]) -> Iterator[str]:
    """Raises DocumentError when there are none to be found. What is broken comes back as it stands, to be refused."""
    waiting = iter(pieces)
    text = _from_first_record(waiting)
    while True:
        text = text.lstrip(_BETWEEN)
        if text.startswith("]"):
            return
        end = _end_of_record(text)
        if end:
            yield _one_line(text[:end])
            text = text[end:]
            continue
        more = next(waiting, None)
        if more is not None and len(text) <= LONGEST_LINE:
            text += more
            continue
        if not text:
            return
        broken = _NEXT.search(text)
        end = broken.start() + 1 if broken else len(text)
        yield _one_line(text[: min(end, LONGEST_LINE)])
        text = text[end:] + (more or "")


def _from_first_record(pieces: Iterator[str]) -> str:
    text = next(pieces, "").lstrip()
    if text.startswith("["):
        return text[1:]
    while (found := _RECORDS.search(text)) is None:
        more = next(pieces, None)
        if more is None or len(text) > LONGEST_LINE:
            raise DocumentError(
                "this is one JSON object, and its records stand under no name that is known "
                f"({', '.join(_NAMES)}); write one object a line (jq -c '.name[]')"
            )
        text += more
    return text[found.end() :]


def _end_of_record(text: str) -> int:
    """0 when it is not whole (yet), or no JSON."""
    try:
        return _DECODER.raw_decode(text)[1] if text.startswith(("{", "[", '"')) else 0
    except (ValueError, RecursionError):
        return 0


def _one_line(text: str) -> str:
    """Line breaks stand between JSON's words only, never inside of them."""
    return text.replace("\r", " ").replace("\n", " ")
