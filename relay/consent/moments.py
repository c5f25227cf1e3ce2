"""Times as other programs write them, to aware UTC. Pure; a time is never guessed: "01/05/2025" could be two days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

#: The formats with a name; any other is a pattern of strptime.
ISO: Final = "iso"
UNIX: Final = "unix"
GO: Final = "go"
NAMED: Final = (ISO, UNIX, GO)

_NOT_ISO: Final = "is not a time in ISO 8601, such as 2026-03-01T09:30:00+09:00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})(?:[Tt ]|$)")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
#: time.Time.String of Go: 2021-03-04 10:11:12.123456789 +0000 UTC, sometimes followed by m=+0.1
#: (https://pkg.go.dev/time#Time.String).
_GO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?\d* ([+-]\d\d)(\d\d) [+\-A-Z0-9a-z]{1,10}(?: m=\S+)?"
)
#: Go's zero time: nobody set one.
_GO_UNSET: Final = "0001-01-01 00:00:00 +0000 UTC"


def parse_moment(text: str, timezone: tzinfo | None, formats: Sequence[str] = (ISO,)) -> datetime:
    """The time in the first of the formats that fits, as aware UTC. Raises ValueError in words.

    timezone: that of a time without a zone; None: such a time is refused. formats: "iso" (ISO 8601), "unix" (seconds
    since 1970), "go" (as Go prints a time), else a pattern of strptime.
    """
    text = text.strip()
    for name in formats:
        try:
            moment = _parsed(text, name)
        except (ValueError, OverflowError):
            continue
        break
    else:
        raise ValueError(_NOT_ISO if formats == (ISO,) else f"is not a time in the format {' or '.join(formats)}")
    if moment.tzinfo is None:
        if timezone is None:
            raise ValueError("has no zone; write 2026-03-01T09:30:00+09:00, or say --timezone Asia/Tokyo")
        moment = moment.replace(tzinfo=timezone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(_NOT_ISO) from None


def is_unset(text: str) -> bool:
    """Is this how a program writes that it has no time?"""
    return text == _GO_UNSET or text in ("0000-00-00 00:00:00", "0000-00-00")


def check_format(name: str) -> None:
    """Raises ValueError in words for a format that can never give a whole day."""
    if name in NAMED:
        return
    if "%" not in name:
        raise ValueError(f"{name!r} is none of {', '.join(NAMED)} and no pattern such as %Y/%m/%d %H:%M")
    sample = datetime(2001, 10, 23, 4, 5, 6, tzinfo=UTC)
    try:
        back = datetime.strptime(sample.strftime(name), name)  # noqa: DTZ007 - only whether it names a day
    except ValueError:
        raise ValueError(f"{name!r} is no pattern of a time, such as %Y/%m/%d %H:%M") from None
    if (back.year, back.month, back.day) != (2001, 10, 23):
        raise ValueError(f"{name!r} does not name year, month and day")


def _parsed(text: str, name: str) -> datetime:
    if name == ISO:
        if not _ISO.match(text):  # Python takes any character between day and time, even a digit
            raise ValueError
        return datetime.fromisoformat(text)
    if name == UNIX:
        if not _NUMBER.fullmatch(text):
            raise ValueError
        return _EPOCH + timedelta(seconds=float(text))
    if name == GO:
        found = _GO.fullmatch(text)
        if found is None:
            raise ValueError
        day, clock, fraction, hours, minutes = found.groups(default="")
        return datetime.fromisoformat(f"{day}T{clock}{fraction.ljust(7, '0') if fraction else ''}{hours}:{minutes}")
    return datetime.strptime(text, name)  # noqa: DTZ007 - the caller adds the zone
