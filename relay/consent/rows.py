"""One row of a list, in our own columns, to the events that it stands for, or the reason why it cannot be taken. Pure.

The same row always becomes the same events with the same ids, so a list imported twice changes nothing. A no is never
turned away for its stream or its time. `relay.consent.row_reader` reads whole lists with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar

from relay.address import AddressError, address_from_text
from relay.consent.causes import KINDS, Cause
from relay.consent.events import NOES, Act, Basis, Event, EventKind
from relay.consent.evidence import Evidence, is_wording_hash, wording_hash, wording_text
from relay.consent.formats import COLUMNS
from relay.consent.moments import ISO, parse_moment
from relay.consent.pseudonyms import Pseudonyms

#: An event as it goes to the store (relay/store/told.py, without the last): wide, id, kind, address, brand, stream, at,
#: recorded_at, source, recorder, basis, act, confirmed_at, mail_sent_at, last_contact_at, form_url, wording (hash),
#: language, ip, user_agent; times in microseconds since 1970. Plain values, so that it passes between processes.
Line = tuple[Any, ...]

_OTHER_TIMES: Final = "; another form is named by time_format in a --mapping file"
#: Nobody agreed by mail before; earlier times are a date format misread.
EARLIEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
#: Octets of one value; more is no evidence but a file gone wrong.
LONGEST: Final = 20_000

_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_E = TypeVar("_E", Basis, Act, Cause)


class RowError(Exception):
    """Why a row cannot be taken, in words, with the name of its column."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What holds for all rows of one import.

    brands: brand of each known stream. stream: for rows that name none. brand: for a no that names neither. timezone: of
    times without a zone, None: these are refused. times: formats of times. now: aware UTC, the time of recording.
    source: for rows that name none, "" when nothing is known. recorder: who brings the list. statement: what stands
    behind the recorder of a row that says something only because the operator did.
    """

    brands: Mapping[str, str]
    now: datetime
    pseudonyms: Pseudonyms
    source: str = ""
    recorder: str = "cli"
    statement: str = ""
    stream: str = ""
    brand: str = ""
    timezone: tzinfo | None = None
    times: tuple[str, ...] = (ISO,)
    loose_domains: frozenset[str] = field(default_factory=frozenset)


def missing_columns(names: Collection[str], rules: RowRules) -> tuple[str, ...]:
    """What a list needs and does not have; names: ours that it can fill."""
    says_no = "withdrawn_at" in names or "cause" in names
    needed = ["address"] if rules.stream or says_no else ["address", "stream"]
    if not says_no:
        needed += ["basis", "at"]
    elif "basis" in names:
        needed += ["at"]
    return tuple(name for name in needed if name not in names)


def events_of_row(
    row: Mapping[str, object], rules: RowRules, texts: dict[str, str] | None = None, *, claimed: bool = False
) -> tuple[Event, ...] | Cause:
    """A grant, a no, or both; a cause that the ledger does not take. Raises RowError.

    texts: words shown are added here under their hash. claimed: the row says something that only the operator states.
    """
    values = {name: _text(name, row.get(name)) for name in COLUMNS}
    cause = _choice(Cause, "cause", values["cause"]) if values["cause"] else None
    withdrawn_at, is_no = _withdrawn(values, rules, is_no=cause is not None)
    if cause is None and is_no:
        cause = Cause.UNSUBSCRIBE
    if cause is not None and cause not in KINDS:
        return cause
    events = []
    if values["basis"] or cause is None:
        try:
            common = _common(values, rules, says_yes=True, claimed=claimed)
            events = [_grant(common, values, rules, texts)]
        except RowError:
            # Whatever is wrong with the yes beside it, it would not count against the no; but of a stream that nobody
            # knows, the row would say more than can be known.
            is_unknown = values["stream"] and values["stream"] not in rules.brands
            if cause is None or KINDS[cause] not in NOES or is_unknown:
                raise
    if cause is not None:
        events.append(_no(_common(values, rules, says_yes=False, claimed=claimed), cause, withdrawn_at))
    return tuple(replace(event, id=_identity(event, values["source"], rules)) for event in events)


def line_of(event: Event) -> Line:
    evidence = event.evidence
    return (
        event.address.wide,
        event.id,
        event.kind.value,
        str(event.address),
        event.brand,
        event.stream,
        number_of(event.at),
        number_of(event.recorded_at),
        event.source,
        event.recorder,
        None if event.basis is None else event.basis.value,
        None if event.act is None else event.act.value,
        number_of(event.confirmed_at),
        number_of(event.mail_sent_at),
        number_of(event.last_contact_at),
        evidence.form_url,
        evidence.wording,
        evidence.language,
        evidence.ip,
        evidence.user_agent,
    )


def number_of(moment: datetime | None) -> int | None:
    """Microseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def recorder_of(rules: RowRules, *, claimed: bool) -> str:
    return f"{rules.recorder}; {rules.statement}" if claimed and rules.statement else rules.recorder


def content_of(line: Line, source: str) -> bytes:
    """What makes an event the same event: what the row says; not the file's name, nor the time of the import."""
    said = (line[2], line[3], line[5] or line[4], line[10], line[11], source, line[6], *line[12:20])
    return "\0".join(["" if one is None else str(one) for one in said]).encode()  # no value contains a NUL


def milliseconds_of(at: int | None) -> int:
    """The time in an id; of an act of unknown time always the same, or the same list would become other events."""
    return 0 if at is None else at // 1000


def _common(values: Mapping[str, str], rules: RowRules, *, says_yes: bool, claimed: bool) -> dict[str, Any]:
    stream = values["stream"] or rules.stream
    if says_yes and not stream:
        raise RowError("stream: is empty; name it in the row or with --stream")
    # A no is never turned away: the stream may have been given up, or come back.
    if says_yes and stream not in rules.brands:
        raise RowError(
            f"stream: no policy has the id {stream[:40]!a}; known are {', '.join(sorted(rules.brands)) or 'none'}"
        )
    if not values["address"]:
        raise RowError("address: is empty")
    try:
        address = address_from_text(values["address"], loose_domains=rules.loose_domains)
    except AddressError as error:
        raise RowError(f"address: {error}") from None
    return {
        "id": "",
        "address": address,
        "brand": rules.brands.get(stream, values["brand"] or rules.brand),
        "stream": stream,
        "recorded_at": rules.now,
        "source": values["source"] or rules.source,
        "recorder": recorder_of(rules, claimed=claimed),
    }


def _grant(
    common: Mapping[str, Any], values: Mapping[str, str], rules: RowRules, texts: dict[str, str] | None
) -> Event:
    at = _moment("at", values, rules)
    if at is None:
        raise RowError("at: is empty; a consent without its time cannot be shown to anyone")
    if not values["basis"]:
        raise RowError(f"basis: is empty; it is one of {', '.join(Basis)}")
    said: dict[str, Any] = {
        "basis": _choice(Basis, "basis", values["basis"]),
        "act": _choice(Act, "act", values["act"]) if values["act"] else None,
        **{name: _moment(name, values, rules) for name in ("confirmed_at", "mail_sent_at", "last_contact_at")},
    }
    evidence = Evidence(
        values["form_url"],
        hash_of_wording(values["wording"], texts),
        values["language"],
        values["ip"],
        values["user_agent"],
    )
    try:
        return Event(kind=EventKind.GRANT, at=at, evidence=evidence, **said, **common)
    except ValueError as error:  # what cannot have happened, in words
        raise RowError(str(error)) from None


def _no(common: Mapping[str, Any], cause: Cause, at: datetime | None) -> Event:
    """A no of unknown time counts when it is recorded: it beats every yes that stands there then."""
    recorder = f"{common['recorder']}; stopped at the sender's side" if cause is Cause.MANUAL else common["recorder"]
    return Event(kind=KINDS[cause], at=at, **{**common, "recorder": recorder})


def hash_of_wording(wording: str, texts: dict[str, str] | None) -> str:
    """A list holds the words themselves, or their hash where the words are no longer there."""
    if not wording or is_wording_hash(wording):
        return wording
    hashed = wording_hash(wording)
    if texts is not None and hashed:
        texts[hashed] = wording_text(wording)
    return hashed


def _identity(event: Event, source: str, rules: RowRules) -> str:
    line = line_of(event)
    return rules.pseudonyms.id_of(milliseconds_of(line[6]), content_of(line, source))


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"{name}: is not text")
    try:
        if len(value.encode()) > LONGEST:
            raise RowError(f"{name}: is longer than {LONGEST} octets")
    except UnicodeEncodeError:
        raise RowError(f"{name}: is not in the file's encoding; --encoding names another") from None
    if "\0" in value:
        raise RowError(f"{name}: contains a NUL")
    return value.strip()


def _moment(name: str, values: Mapping[str, str], rules: RowRules) -> datetime | None:
    if not values[name]:
        return None
    try:
        moment = parse_moment(values[name], rules.timezone, rules.times)
    except ValueError as error:
        hint = _OTHER_TIMES if rules.times == (ISO,) and "ISO 8601" in str(error) else ""
        raise RowError(f"{name}: {error}{hint}") from None
    if moment > rules.now:
        raise RowError(f"{name}: lies in the future")
    if moment < EARLIEST:
        raise RowError(f"{name}: lies before {EARLIEST.year}")
    return moment


def _withdrawn(values: Mapping[str, str], rules: RowRules, *, is_no: bool) -> tuple[datetime | None, bool]:
    """When, as far as it can be believed, and whether the row is a no. is_no: it is one without its time, too.

    One from a clock that goes ahead of ours is a no all the same, and counts when it is recorded.
    """
    try:
        moment = _moment("withdrawn_at", values, replace(rules, now=_LATEST))
    except RowError:
        if not is_no:  # a row may say so that there is none
            raise
        return None, True
    return moment if moment is None or moment <= rules.now else None, is_no or moment is not None


def _choice(kind: type[_E], name: str, text: str) -> _E:
    try:
        return kind(text.lower())
    except ValueError:
        raise RowError(f"{name}: {text[:40]!a} is not one of {', '.join(kind)}") from None
