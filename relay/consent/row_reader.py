"""Reads the rows of one list, fast: what is plain takes a short way to the very line that the long one makes. Pure.

The short way decides nothing of its own: whatever is not plain (another spelling, a no, a time without a zone, anything
wrong) goes the long way through `relay.consent.rows`. A test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

from relay.address import MAX_LOCAL, MAX_MAILBOX, AddressError, address_from_text
from relay.address_wide import wide_key
from relay.consent.causes import Cause
from relay.consent.events import Act, Basis
from relay.consent.formats import CLAIMS, COLUMNS, REJECTED, TIMES, Format, FormatError, Reader
from relay.consent.moments import ISO, parse_moment
from relay.consent.rows import (
    EARLIEST,
    LONGEST,
    Line,
    RowError,
    RowRules,
    events_of_row,
    hash_of_wording,
    line_of,
    number_of,
    recorder_of,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000
_PLAIN_LOCAL: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_BASES: Final = frozenset(basis.value for basis in Basis)
_ACTS: Final[dict[str, str | None]] = {"": None, **{act.value: act.value for act in Act}}
#: Of a domain that no provider's rule concerns, the wide key is the local part in lower case up to a plus.
_PROBE: Final = "a.b-c_d"
#: Domains and wordings remembered; a list has few of them, or they are not worth remembering.
_MOST_REMEMBERED: Final = 100_000
#: What makes of a row more than a plain yes.
_WITHDRAWN_AT: Final = COLUMNS.index("withdrawn_at")
_CAUSE: Final = COLUMNS.index("cause")
_MAIL_SENT_AT: Final = COLUMNS.index("mail_sent_at")


class RowReader:
    """texts: the words shown that the rows named so far, by hash; the caller may empty it."""

    def __init__(self, form: Format, columns: Sequence[str], rules: RowRules) -> None:
        rules = replace(rules, times=form.times, statement=form.statement)
        self.rules = rules
        self.columns = tuple(columns)
        self.texts: dict[str, str] = {}
        self._reader = Reader(form)
        self._short_way = _short_way(form, self.columns, rules, self.texts)

    def read(self, fields: Sequence[str], raw: str) -> tuple[Line, ...] | Cause:
        """The lines of a record; a cause that is not taken. Raises RowError. raw: the record as it stands in the file."""
        if self._short_way is not None:
            line = self._short_way(fields, raw)
            if line is not None:
                return (line,)
        return self.read_row(dict(zip(self.columns, fields, strict=True)))

    def read_row(self, row: Mapping[str, object]) -> tuple[Line, ...] | Cause:
        """The same for a row by its columns' names; it may hold more than text (JSON)."""
        try:
            ours, claimed = self._reader.row(row)
        except FormatError as error:
            raise RowError(str(error)) from None
        events = events_of_row(ours, self.rules, self.texts, claimed=claimed)
        return events if isinstance(events, Cause) else tuple(line_of(event) for event in events)


class _ShortWay:
    """For rows that are a plain yes. Called with fields and record; None: not plain."""

    def __init__(self, form: Format, places: Sequence[int], width: int, rules: RowRules, texts: dict[str, str]) -> None:
        constants = {name: form.constants.get(name, "").strip() for name in COLUMNS}
        self._constants = [_iso(value, rules) if name in TIMES else value for name, value in constants.items()]
        self._pick: Callable[[Sequence[str]], tuple[str, ...]] = itemgetter(*places)
        # A cell that is empty takes the constant: then the operator, not the list, may have said it.
        self._filled = [
            place for place, name in enumerate(COLUMNS) if constants[name] and places[place] < width
        ]  # fmt: skip
        claimed = any(
            name in CLAIMS and form.stated.get(name) and places[place] >= width for place, name in enumerate(COLUMNS)
        )
        self._recorder = recorder_of(rules, claimed=claimed)
        self._brands, self._stream, self._source = rules.brands, rules.stream, rules.source
        self._texts = texts
        self._mailbox = _mailboxes(rules)
        self._id_of = rules.pseudonyms.id_of
        self._now = number_of(rules.now) or 0
        self._earliest = number_of(EARLIEST) or 0

    def __call__(self, fields: Sequence[str], raw: str) -> Line | None:
        if not _is_text(raw):
            return None
        picked = self._pick([*fields, *self._constants])
        if " " in raw or not raw.isprintable():  # else there is nothing to strip
            picked = tuple(map(str.strip, picked))
        if (
            picked[_WITHDRAWN_AT]
            or picked[_CAUSE]
            or picked[_MAIL_SENT_AT]
            or not all(map(picked.__getitem__, self._filled))
        ):
            return None
        stream = picked[1] or self._stream
        brand = self._brands.get(stream)
        if brand is None or picked[2] not in _BASES or picked[4] not in _ACTS:
            return None
        person, times = self._person(picked[0]), self._times(*picked[2:8])
        if person is None or times is None:
            return None
        return self._line(person, brand, stream, times, picked)

    def _line(
        self,
        person: tuple[str, str],
        brand: str,
        stream: str,
        times: tuple[int, int | None, None, int | None],
        picked: Sequence[str],
    ) -> Line:
        _, _, basis, _, act, _, _, _, _, _, _, source, form_url, wording, language, ip, user_agent = picked
        at, confirmed_at, _, last_contact_at = times
        if wording:
            wording = hash_of_wording(wording, self._texts)
        content = (
            f"grant\0{person[0]}\0{stream}\0{basis}\0{act}\0{source}\0{at}\0{_or_empty(confirmed_at)}\0"
            f"\0{_or_empty(last_contact_at)}\0{form_url}\0{wording}\0{language}\0{ip}\0"
            f"{user_agent}"
        )
        return (
            person[1], self._id_of(at // 1000, content.encode()), "grant", person[0], brand, stream, at, self._now,
            source or self._source, self._recorder, basis, _ACTS[act], *times[1:], form_url, wording, language, ip,
            user_agent,
        )  # fmt: skip

    def _person(self, written: str) -> tuple[str, str] | None:
        """Address and wide key."""
        local, _, domain = written.partition("@")
        box = self._mailbox(domain)
        if box is None or len(local) > box[2] or not _PLAIN_LOCAL.fullmatch(local):
            return None
        domain, is_plain, _ = box
        if not is_plain:
            return f"{local}@{domain}", wide_key(local, domain)
        lower = local.lower()
        plus = lower.find("+")
        return f"{local}@{domain}", f"{lower[:plus] if plus > 0 else lower}@{domain}"

    def _times(
        self, basis: str, at: str, _act: str, confirmed_at: str, _sent: str, last_contact_at: str
    ) -> tuple[int, int | None, None, int | None] | None:
        said = self._number(at)
        confirmed = self._number(confirmed_at) if confirmed_at else None
        contact = self._number(last_contact_at) if last_contact_at else None
        if 0 in (said, confirmed, contact):
            return None
        if confirmed is not None and (confirmed < said or not Basis(basis).is_by_act):
            return None
        return said, confirmed, None, contact

    def _number(self, text: str) -> int:
        """0 where the long way has to look."""
        if text[4:8:3] != "--" or text[10:11] not in "T ":
            return 0
        try:
            since = datetime.fromisoformat(text) - _EPOCH
        except (ValueError, TypeError):  # TypeError: a time without a zone
            return 0
        number = since.days * _DAY + since.seconds * 1_000_000 + since.microseconds
        return number if self._earliest <= number <= self._now else 0


def _short_way(form: Format, columns: Sequence[str], rules: RowRules, texts: dict[str, str]) -> _ShortWay | None:
    """None where the list's rows are never plain."""
    places = _places(form, columns)
    if places is None or form.times != (ISO,) or form.constants.get("cause") or form.constants.get("withdrawn_at"):
        return None
    if any(form.constants.get(name) and not _iso(form.constants[name], rules) for name in TIMES):
        return None
    return _ShortWay(form, places, len(columns), rules, texts)


def _places(form: Format, columns: Sequence[str]) -> list[int] | None:
    """For each of our columns where its value stands in the fields, behind which our constants are put."""
    if form.values or len(set(columns)) != len(columns):
        return None
    places = []
    for behind, ours in enumerate(COLUMNS):
        theirs = [name for name in form.columns.get(ours, ()) if name != REJECTED]
        there = [name for name in theirs if name in columns]
        if len(there) > 1 or any("." in name for name in theirs if name not in columns):
            return None
        places.append(columns.index(there[0]) if there else len(columns) + behind)
    return places


def _iso(text: str, rules: RowRules) -> str:
    """A constant's time as the short way reads it; "" for none, and for what is no time."""
    try:
        return parse_moment(text, rules.timezone, rules.times).isoformat() if text else ""
    except ValueError:
        return ""


def _mailboxes(rules: RowRules) -> Callable[[str], tuple[str, bool, int] | None]:
    """For a domain as it is written: its canonical form, whether its wide keys are plain, octets left for a local part;
    None where the long way has to say what is wrong with it.
    """
    known: dict[str, tuple[str, bool, int] | None] = {}

    def look_up(written: str) -> tuple[str, bool, int] | None:
        try:
            domain = address_from_text(f"a@{written}", loose_domains=rules.loose_domains).domain
        except AddressError:
            return None
        is_plain = wide_key(_PROBE, domain) == f"{_PROBE}@{domain}"
        return domain, is_plain, min(MAX_LOCAL, MAX_MAILBOX - 1 - len(domain))

    def mailbox(written: str) -> tuple[str, bool, int] | None:
        try:
            return known[written]
        except KeyError:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            found = known[written] = look_up(written)
            return found

    return mailbox


def _is_text(raw: str) -> bool:
    """Nothing in it that the long way would have to refuse: a NUL, a lone surrogate (an octet that is not in the file's
    encoding), more than a value may be long.
    """
    if len(raw) > LONGEST or "\0" in raw:
        return False
    try:
        return raw.isascii() or len(raw.encode()) <= LONGEST
    except UnicodeEncodeError:
        return False


def _or_empty(number: int | None) -> Any:
    return "" if number is None else number
