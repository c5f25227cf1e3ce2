"""Durations as people write them: a whole number and one unit, `30s 5m 24h 7d`. Pure text and values."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, GetPydanticSchema
from pydantic_core import core_schema

from relay.config.mistakes import Mistake, shown

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WRITTEN: Final = re.compile(r"(\d+)([smhd])", re.ASCII)
_UNITS: Final = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), (1, "s")),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (1, "m")),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), (1, "h")),
    **dict.fromkeys(("day", "days"), (1, "d")),
    **dict.fromkeys(("w", "week", "weeks"), (7, "d")),
    **dict.fromkeys(("month", "months"), (30, "d")),
    **dict.fromkeys(("y", "year", "years"), (365, "d")),
}
#: Far past anything meant; keeps a time plus a duration inside what datetime can hold.
LONGEST: Final = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """`30s`, `5m`, `24h`, `7d` -> timedelta. Raises Mistake, a ValueError, with what to write instead."""
    written = _WRITTEN.fullmatch(text)
    if not written:
        raise Mistake(f"{shown(text)} is not a duration", _instead(text))
    if len(written[1]) > 12 or int(written[1]) * _SECONDS[written[2]] > LONGEST.total_seconds():
        raise Mistake(f"{shown(text)} is longer than a hundred years", 'write at most "36500d"')
    return timedelta(seconds=int(written[1]) * _SECONDS[written[2]])


def write_duration(duration: timedelta) -> str:
    """The text that `parse_duration` reads, in the largest unit that fits; parts of a second are dropped."""
    seconds = int(duration.total_seconds())
    unit = next((unit for unit in "dhm" if seconds and seconds % _SECONDS[unit] == 0), "s")
    # "24h" and "48h" are how people say it; from a week on they count days
    if unit == "d" and seconds <= 2 * _SECONDS["d"]:
        unit = "h"
    return f"{seconds // _SECONDS[unit]}{unit}"


def _instead(text: str) -> str:
    meant = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]+)\.?\s*", text.casefold(), re.ASCII)
    if meant and (meant[2] in _UNITS or meant[2] in _SECONDS):
        times, unit = _UNITS.get(meant[2], (1, meant[2]))
        return f'write "{int(meant[1]) * times}{unit}"'
    if text.strip().isdecimal() and text.isascii():
        return f'write the unit too: "{text.strip()}s", "{text.strip()}m", "{text.strip()}h" or "{text.strip()}d"'
    return 'write a number and a unit: "30s", "5m", "24h" or "7d"'


def _from_toml(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and not isinstance(value, bool):
        raise Mistake(f"{value} is not a duration", _instead(str(value)))
    raise Mistake(f"{shown(value)} is not a duration", 'write a number and a unit: "30s", "5m", "24h" or "7d"')


def _schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _from_toml,
        json_schema_input_schema=core_schema.str_schema(pattern=r"^[0-9]+[smhd]$"),
        serialization=core_schema.plain_serializer_function_ser_schema(
            write_duration, return_schema=core_schema.str_schema(), when_used="json"
        ),
    )


def _lasting(duration: timedelta) -> timedelta:
    if not duration:
        raise Mistake("a time of nothing", 'write at least "1s"')
    return duration


#: For fields of a Table; in a JSON schema it is text.
Duration = Annotated[timedelta, GetPydanticSchema(_schema)]
#: A timer of zero would end what it guards before it began.
LastingDuration = Annotated[Duration, AfterValidator(_lasting)]
