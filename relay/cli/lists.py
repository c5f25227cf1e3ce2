"""Opens lists of people, whatever their encoding and size, and cuts them into blocks of whole records.

Nothing is read twice and nothing is kept: a block can be parsed anywhere, also in another process. What is in a record
is no concern of this module (`relay.cli.list_records`).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, Final

from relay.cli.json_document import DocumentError, is_document, records_of_document
from relay.cli.list_records import LONGEST_LINE, MOST_LINES, Record, csv_records, fields_of, json_records, plain_records
from relay.consent.formats import REJECTED

#: Octets read at once, about those of a block.
_PIECE: Final = 1 << 18
#: A block in which no record seems to end is cut all the same.
_LARGEST_BLOCK: Final = 8 << 20
#: JSON records whose keys tell what a list is.
_LOOKED_AT: Final = 100
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_IN_ENCODING: Final = "relay-not-in-encoding"

#: Number of its first line in the file (of its first record in a JSON document), and its lines in UTF-8.
Block = tuple[int, bytes]


class ListError(Exception):
    """Why nothing of a list can be read."""


@dataclass(frozen=True, slots=True)
class List:
    """kind: "csv", "jsonl", "json" (one document) or "plain". header: the CSV header as it stands, "" for others.
    columns: its names, lower case; for JSON the keys of its first records. is_utf8: False where blocks were recoded.
    """

    kind: str
    header: str
    columns: tuple[str, ...]
    delimiter: str
    is_utf8: bool
    blocks: Iterator[Block]


def read_list(
    file: BinaryIO, encoding: str, on_octets: Callable[[int], None], *, header: str = "", kind: str = ""
) -> List:
    """header: for a CSV file without one. kind: "csv" or "plain" where it is known. on_octets: told of octets read.

    A mark at the file's beginning (BOM) is believed before `encoding`. Raises ListError, LookupError for an unknown
    encoding.
    """
    octets, is_utf8 = _recoded(_pieces(file, on_octets), encoding)
    octets, first = _first_line(octets)
    number, line = first
    if kind != "plain" and line.lstrip().startswith(("[", "{")):
        return _json_list(octets, line, number, is_utf8=is_utf8)
    if "\0" in line:
        raise ListError("the first line contains NULs; is the file UTF-16? --encoding utf-16-le or utf-16-be reads it")
    if kind == "plain" or (not kind and not header and _is_address(line)):
        return List("plain", "", ("address",), "", is_utf8, _blocks(octets, number))
    return _csv_list(octets, line, number, header, is_utf8=is_utf8)


def records_of(kind: str, lines: Sequence[str], delimiter: str, width: int) -> Iterator[Record]:
    """The records of a block that was split at line feeds."""
    if kind == "csv":
        return csv_records(lines, delimiter, width)
    return plain_records(lines) if kind == "plain" else json_records(lines)


def _json_list(octets: Iterator[bytes], line: str, number: int, *, is_utf8: bool) -> List:
    first = next(octets, b"")
    octets = chain([first], octets)
    begun = first.decode("utf-8", "surrogateescape")
    if not is_document(begun, line):
        return List("jsonl", "", _keys_of(begun.split("\n", _LOOKED_AT)), "", is_utf8, _blocks(octets, number))
    try:
        records = records_of_document(piece.decode("utf-8", "surrogateescape") for piece in _whole_characters(octets))
        head = list(islice(records, _LOOKED_AT))
    except DocumentError as error:
        raise ListError(str(error)) from None
    lines = (one.encode("utf-8", "surrogateescape") + b"\n" for one in chain(head, records))
    return List("json", "", _keys_of(head), "", is_utf8, _grouped(lines))


def _keys_of(records: Sequence[str]) -> tuple[str, ...]:
    """Of all of them: the first one may be the one that is broken."""
    rows = (row for _, _, row, _ in json_records(records[:_LOOKED_AT]) if isinstance(row, dict))
    return tuple(dict.fromkeys(str(key) for row in rows for key in row))


def _csv_list(octets: Iterator[bytes], line: str, number: int, header: str, *, is_utf8: bool) -> List:
    delimiter = max(",;\t", key=line.count)
    skipped = 0
    if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == len("sep=,"):
        raise ListError(f"the first line says {line.strip()!r}; take it out, so that the header comes first")
    if header:
        fields = fields_of(header, ",") or []
        given = [name.strip().lower() for name in fields]
        there = [name.strip().lower() for name in fields_of(line, delimiter) or []]
        if there in (given, [REJECTED, *given]):  # rejects of such a list have it in the file
            header, skipped, given = line, 1, there
    else:
        found = fields_of(line, delimiter)
        if found is None:
            raise ListError("the header has a quote that is not closed")
        header, skipped = line, 1
        given = [name.strip().lower() for name in found]
    if not any(given):
        raise ListError("the list is empty; its first line has to name the columns")
    if any("@" in name for name in given):
        raise ListError("the first line is a person, no header; name the columns: --header address,...")
    if skipped:
        octets = _without_first_line(octets)
    blocks = _blocks(octets, number + skipped, delimiter, len(given))
    return List("csv", header.rstrip("\r\n"), tuple(given), delimiter, is_utf8, blocks)


def _is_address(line: str) -> bool:
    """Does the list begin with a person instead of a header?"""
    (_, _, row, _), *_ = [*plain_records([line]), (0, 0, None, "")]
    address = row["address"] if isinstance(row, dict) else ""
    return isinstance(address, str) and "@" in address and not any(one in address for one in ",;\t\"'")


def _pieces(file: BinaryIO, on_octets: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        on_octets(len(piece))
        yield piece


def _recoded(pieces: Iterator[bytes], encoding: str) -> tuple[Iterator[bytes], bool]:
    """The same text in UTF-8, and whether it was UTF-8 already. What is not in its encoding becomes octets that are
    none in UTF-8 either: such a row is refused later, and only where it matters.
    """
    try:
        "".encode(encoding)  # LookupError, for what is no encoding of text, too
    except UnicodeError:
        raise LookupError(encoding) from None
    name = codecs.lookup(encoding).name
    first = next(pieces, b"")
    for mark, of_mark in _MARKS:
        if first.startswith(mark):
            first, name = first[len(mark) :], of_mark
            break
    octets: Iterator[bytes] = chain([first], pieces)
    is_utf8 = name in ("utf-8", "ascii", "utf-8-sig")
    if not is_utf8:
        octets = _in_utf8(octets, name)
    return _with_line_feeds(octets), is_utf8


def _in_utf8(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    codecs.register_error(_NOT_IN_ENCODING, _as_lone_surrogate)
    try:
        decoder = codecs.getincrementaldecoder(encoding)(_NOT_IN_ENCODING)
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError:  # one that cannot go on behind a mistake
        raise ListError(f"this is no text in {encoding}; --encoding names another") from None


def _as_lone_surrogate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    octets = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + max(octet, 0x80)) for octet in octets), error.end


def _with_line_feeds(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that end with CR alone, as old spreadsheets write them, end with LF."""
    first = next(pieces, b"")
    while len(first) < 2 and (more := next(pieces, b"")):
        first += more
    is_old = b"\r" in first and b"\n" not in first
    for piece in chain([first], pieces):
        yield piece.replace(b"\r", b"\n") if is_old else piece


def _first_line(pieces: Iterator[bytes]) -> tuple[Iterator[bytes], tuple[int, str]]:
    """Its number and text, line end included; the octets from it on. Empty lines and comments before it are passed over."""
    begun = b""
    number = 1
    for piece in pieces:
        begun += piece
        while (end := begun.find(b"\n")) >= 0 and (not begun[:end].strip() or begun.startswith(b"# ")):
            begun, number = begun[end + 1 :], number + 1
        if end >= 0:
            break
        if len(begun) > LONGEST_LINE:
            if begun.lstrip()[:1] in (b"{", b"["):
                break
            raise ListError("the first line does not end; is this a list?")
    line, feed, _ = begun.partition(b"\n")
    return chain([begun], pieces), (number, (line + feed).decode("utf-8", "surrogateescape"))


def _without_first_line(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces, b"").partition(b"\n")[2]
    yield from pieces


def _blocks(pieces: Iterable[bytes], number: int, delimiter: str = "", width: int = 0) -> Iterator[Block]:
    """delimiter: of CSV, whose records may have several lines; "" where each line is a record."""
    rest = b""
    is_skipping = False
    for piece in pieces:
        data = rest + piece
        if is_skipping:  # the end of a line without an end
            _, feed, data = data.partition(b"\n")
            rest, is_skipping = (b"", False) if feed else (b"", True)
        end = data.rfind(b"\n") + 1
        whole, rest = data[:end], data[end:]
        if len(rest) > LONGEST_LINE:
            whole += rest[: LONGEST_LINE + 1] + b"\n"
            rest, is_skipping = b"", True
        elif delimiter and b'"' in whole:
            cut = _end_of_records(whole, delimiter, width)
            whole, rest = whole[:cut], whole[cut:] + rest
        if whole:
            yield number, whole
            number += whole.count(b"\n")
    if rest:
        yield number, rest


def _end_of_records(whole: bytes, delimiter: str, width: int) -> int:
    """Where no record can be open: how many of these octets. A record with line breaks begins on a line with an odd
    number of quotes, and has not more than MOST_LINES lines.
    """
    lines = whole.split(b"\n")[:-1]
    if not any(line.count(b'"') & 1 for line in lines[-MOST_LINES:]) or len(whole) > _LARGEST_BLOCK:
        return len(whole)
    text = [line.decode("utf-8", "surrogateescape") for line in lines]
    settled = 0
    for place, *_ in csv_records(text, delimiter, width):
        if place > len(lines) - MOST_LINES:
            break
        settled = place
    return sum(len(line) + 1 for line in lines[:settled])


def _whole_characters(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut behind an ASCII octet, so that no character is torn."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        end = len(data)
        while end and data[end - 1] >= 0x80 and len(data) - end < 4:
            end -= 1
        yield data[:end]
        rest = data[end:]
    if rest:
        yield rest


def _grouped(lines: Iterable[bytes]) -> Iterator[Block]:
    number, waiting, octets = 1, list[bytes](), 0
    for line in lines:
        waiting.append(line)
        octets += len(line)
        if octets >= _PIECE:
            yield number, b"".join(waiting)
            number, waiting, octets = number + len(waiting), [], 0
    if waiting:
        yield number, b"".join(waiting)


def header_with_reason(header: str, delimiter: str) -> str:
    """The header of a list's rejects: why, then the columns as they stood."""
    return f"{REJECTED}{delimiter}{header}"


def has_reason(columns: Sequence[str]) -> bool:
    return bool(columns) and columns[0] == REJECTED
