"""The rows that were not taken: told on the terminal as far as a person reads, kept in a file that can be imported again.

The file is a list of the same kind, in UTF-8. Each row says why it was refused, in a place where reading passes it over:
a first column, a key, or a comment.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from relay.cli import CommandError
from relay.cli.list_records import fields_of
from relay.cli.lists import List, has_reason, header_with_reason
from relay.cli.parsing import Refused
from relay.consent.formats import REJECTED
from relay.consent.known_formats import OWN

#: A line that is no JSON object at all stands under this key.
LINE: Final = "rejected_line"
#: What is told of single rows; the rest is counted.
MOST_TOLD: Final = 20
#: A spreadsheet takes a file without this mark for one in its own country's encoding.
_MARK: Final = "\ufeff"
_REASON: Final = re.compile(r'(?:"(?:[^"]|"")*"|[^",;\t]*)[,;\t]')


class Rejects:
    """name: of the list. path, file: where they are kept, or nowhere. by_cause: how many, by what was wrong."""

    def __init__(self, name: str, listed: List, path: str = "", file: TextIO | None = None) -> None:
        self._name = name
        self._listed = listed
        self._path = path
        self._file = file
        self.count = 0
        self.by_cause: Counter[str] = Counter()
        if file is not None:
            file.write("" if listed.is_utf8 else _MARK)
            if listed.kind == "csv":
                known = has_reason(listed.columns)
                header = listed.header if known else header_with_reason(listed.header, listed.delimiter)
                file.write(f"{header}\n")

    def take(self, refused: Refused) -> str:
        """Keep a row; what to tell of it, "" when enough was told."""
        self.count += 1
        cause, colon, _ = refused.why.partition(": ")
        self.by_cause[cause if colon and cause.islower() else "record"] += 1
        if self._file is not None:
            self._file.write(self._kept(refused))
        if self.count > MOST_TOLD:
            return ""
        unit = "record " if self._listed.kind == "json" else ""
        return f"{self._name}:{unit}{refused.line}: {refused.why}"

    def rest(self, form: str) -> Iterator[str]:
        """What remains to be told at the end. form: of the list, which a few rows of it may not show any more."""
        more = self.count - MOST_TOLD
        if more > 0:
            where = f"see {self._path}" if self._path else "--rejects FILE keeps them all"
            yield f"... and {more:,} more, {where}"
        if self.count and self._path and form != OWN.name:
            yield f"{self._path} can be mended and imported in the same way, with --format {form}"

    def _kept(self, refused: Refused) -> str:
        raw = refused.raw.rstrip("\r\n")
        if self._listed.kind == "csv":
            return self._in_csv(raw, refused.why)
        if self._listed.kind == "plain":
            return f"# {refused.why}\n{raw}\n"
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            row = {LINE: raw}
        row.pop(REJECTED, None)
        return json.dumps({REJECTED: refused.why, **row}, ensure_ascii=False) + "\n"

    def _in_csv(self, raw: str, why: str) -> str:
        """The record as it stood, its reason in front of it, so that a record of the wrong length stays as wrong as it
        was and nothing of it moves.
        """
        delimiter = self._listed.delimiter
        if has_reason(self._listed.columns):
            fields = fields_of(raw, delimiter)
            if fields is not None and "\n" not in raw:
                written = io.StringIO()
                csv.writer(written, delimiter=delimiter, lineterminator="").writerow(fields[1:])
                raw = written.getvalue()
            else:
                before = _REASON.match(raw)
                raw = raw[before.end() :] if before else raw
        return f'"{why.replace(chr(34), chr(34) * 2)}"{delimiter}{raw}\n'


@contextlib.contextmanager
def rejects_of(name: str, listed: List, source: BinaryIO, path: str) -> Iterator[Rejects]:
    """Never over the list that is read. Raises CommandError."""
    if not path:
        yield Rejects(name, listed)
        return
    try:
        if Path(path).exists() and os.path.samestat(Path(path).stat(), os.fstat(source.fileno())):
            raise CommandError(f"--rejects: {path} is the list that is read; name another file", exit_code=2)
        opened = _opened(path)
    except io.UnsupportedOperation:  # standard input that is no file
        opened = _opened(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    with opened:
        yield Rejects(name, listed, path, opened)


def _opened(path: str) -> TextIO:
    """A new file is for our eyes only: it names people."""

    def private(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)

    return open(path, "w", encoding="utf-8", errors="surrogateescape", newline="", opener=private)
