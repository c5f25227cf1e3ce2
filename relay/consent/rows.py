"""One row of a list of consents (CSV or JSON) to the events that it stands for, or the reason why it cannot be taken.

Pure. The same row always becomes the same events with the same ids, so a list imported twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar

from relay.address import AddressError, address_from_text
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.evidence import Evidence, wording_of
from relay.decision import new_id

#: Columns in the order in which they are exported.
COLUMNS: Final = (
    "address",
    "stream",
    "basis",
    "at",
    "act",
    "confirmed_at",
    "last_contact_at",
    "withdrawn_at",
    "brand",
    "source",
    "form_url",
    "wording",
    "language",
    "ip",
    "user_agent",
)
#: Nobody agreed by mail before; earlier times are a date format misread.
_EARLIEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
#: Octets of one value; more is no evidence but a file gone wrong.
_LONGEST: Final = 20_000

_E = TypeVar("_E", Basis, Act)


class RowError(Exception):
    """Why a row cannot be taken, in words, with the name of its column."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What holds for all rows of one import.

    brands: brand of each known stream. stream: for rows that name none. timezone: of times without a zone, None: these
    are refused. now: aware UTC, the time of recording. source: for rows that name none, "" when nothing is known.
    recorder: who brings the list.
    """

    brands: Mapping[str, str]
    now: datetime
    source: str = ""
    recorder: str = "cli"
    stream: str = ""
    timezone: tzinfo | None = None
    loose_domains: frozenset[str] = field(default_factory=frozenset)


def missing_columns(names: Collection[str], rules: RowRules) -> tuple[str, ...]:
    """What a list needs and does not have."""
    needed = ["address"] if rules.stream or "withdrawn_at" in names else ["address", "stream"]
    if "withdrawn_at" not in names:
        needed += ["basis", "at"]
    return tuple(name for name in needed if name not in names)


def events_of_row(row: Mapping[str, object], rules: RowRules) -> tuple[Event, ...]:
    """A grant, and a withdrawal where withdrawn_at says so; at least one of them. Raises RowError."""
    values = {name: _text(name, row.get(name)) for name in COLUMNS}
    withdrawn_at = _moment("withdrawn_at", values, rules)
    stream = values["stream"] or rules.stream
    says_yes = bool(values["basis"]) or withdrawn_at is None
    if says_yes and not stream:
        raise RowError("stream: is empty; name it in the row or with --stream")
    # A no is never turned away: the stream may have been given up, or come back.
    if says_yes and stream and stream not in rules.brands:
        raise RowError(
            f"stream: no policy has the id {stream!r}; known are {', '.join(sorted(rules.brands)) or 'none'}"
        )
    if not values["address"]:
        raise RowError("address: is empty")
    try:
        address = address_from_text(values["address"], loose_domains=rules.loose_domains)
    except AddressError as error:
        raise RowError(f"address: {error}") from None
    common: dict[str, Any] = {
        "id": "",
        "address": address,
        "brand": rules.brands.get(stream, values["brand"]),
        "stream": stream,
        "recorded_at": rules.now,
        "source": values["source"] or rules.source,
        "recorder": rules.recorder,
    }
    events = []
    if says_yes:
        events.append(_grant(common, values, rules))
    if withdrawn_at is not None:
        events.append(Event(kind=EventKind.WITHDRAW, at=withdrawn_at, **common))
    return tuple(replace(event, id=_identity(event, values["source"])) for event in events)


def parse_moment(text: str, timezone: tzinfo | None) -> datetime:
    """An ISO 8601 time as aware UTC. Raises ValueError in words; `timezone` is that of a time without a zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("is not a time in ISO 8601, such as 2026-03-01T09:30:00+09:00") from None
    if moment.tzinfo is None:
        if timezone is None:
            raise ValueError("has no zone; write 2026-03-01T09:30:00+09:00, or say --timezone Asia/Tokyo")
        moment = moment.replace(tzinfo=timezone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is not a time in ISO 8601, such as 2026-03-01T09:30:00+09:00") from None


def _grant(common: Mapping[str, Any], values: Mapping[str, str], rules: RowRules) -> Event:
    at = _moment("at", values, rules)
    if at is None:
        raise RowError("at: is empty; a consent without its time cannot be shown to anyone")
    if not values["basis"]:
        raise RowError(f"basis: is empty; it is one of {', '.join(Basis)}")
    confirmed_at = _moment("confirmed_at", values, rules)
    if confirmed_at is not None and confirmed_at < at:
        raise RowError("confirmed_at: lies before at; nobody confirms what was not asked yet")
    return Event(
        kind=EventKind.GRANT,
        at=at,
        basis=_choice(Basis, "basis", values["basis"]),
        act=_choice(Act, "act", values["act"]) if values["act"] else None,
        confirmed_at=confirmed_at,
        last_contact_at=_moment("last_contact_at", values, rules),
        evidence=Evidence(
            values["form_url"], wording_of(values["wording"]), values["language"], values["ip"], values["user_agent"]
        ),
        **common,
    )


def _identity(event: Event, source: str) -> str:
    """A ULID made of what the row says; not of the file's name, nor of the time of the import."""
    said = (event.kind, event.address, event.stream or event.brand, event.basis or "", event.act or "", source)
    times = (at.isoformat() if at else "" for at in (event.at, event.confirmed_at, event.last_contact_at))
    content = "\0".join([*map(str, said), *times, *astuple(event.evidence)])  # no value contains a NUL
    return new_id(event.acted_at, hashlib.sha256(content.encode()).digest()[:10])


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"{name}: is not text")
    try:
        if len(value.encode()) > _LONGEST:
            raise RowError(f"{name}: is longer than {_LONGEST} octets")
    except UnicodeEncodeError:
        raise RowError(f"{name}: is not in the file's encoding; --encoding names another") from None
    if "\0" in value:
        raise RowError(f"{name}: contains a NUL")
    return value.strip()


def _moment(name: str, values: Mapping[str, str], rules: RowRules) -> datetime | None:
    if not values[name]:
        return None
    try:
        moment = parse_moment(values[name], rules.timezone)
    except ValueError as error:
        raise RowError(f"{name}: {error}") from None
    if moment > rules.now:
        raise RowError(f"{name}: lies in the future")
    if moment < _EARLIEST:
        raise RowError(f"{name}: lies before {_EARLIEST.year}")
    return moment


def _choice(kind: type[_E], name: str, text: str) -> _E:
    try:
        return kind(text.lower())
    except ValueError:
        raise RowError(f"{name}: {text[:40]!a} is not one of {', '.join(kind)}") from None
