"""Which language a page is in, and dates as readers of that language write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

LANGUAGES: Final = ("en", "ja")
DEFAULT: Final = "en"

#: A longer header is not a browser's; its end is not looked at.
_LONGEST: Final = 1000
_RANGE: Final = re.compile(
    r"([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9]{1,8})*(?:\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?"
)

_JAPAN: Final = timezone(timedelta(hours=9))  # no summer time since 1951
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def preferred(accept_language: str, default: str = DEFAULT) -> str:
    """The one of our languages that the reader likes best (RFC 9110 section 12.5.4), `default` where the header
    names none of them; items that cannot be read are passed over.
    """
    fallback = default if default in LANGUAGES else DEFAULT
    quality: dict[str, float] = {}
    for item in accept_language[:_LONGEST].split(","):
        found = _RANGE.fullmatch(item.strip())
        if found:
            tag = fallback if found[1] == "*" else found[1].lower()
            # "ja-JP;q=0.9, ja;q=0.1": the best mention of a language counts; a "*" never outweighs a name
            if not (found[1] == "*" and tag in quality):
                quality[tag] = max(quality.get(tag, 0.0), float(found[2] or 1))
    best = max(LANGUAGES, key=lambda language: (quality.get(language, 0.0), language == fallback))
    return best if quality.get(best, 0.0) > 0 else _not_refused(quality, fallback)


def _not_refused(quality: dict[str, float], fallback: str) -> str:
    """q=0 says "not this one": the other language then, if that one was not refused too."""
    others = [language for language in LANGUAGES if quality.get(language) != 0]
    return fallback if fallback in others or not others else others[0]


def date_in(language: str, moment: datetime) -> str:
    """The day: 22 November 2026 (UTC) or 2026年11月22日 (Japanese time)."""
    return day_in(language, moment.astimezone(_JAPAN if language == "ja" else UTC).date())


def day_in(language: str, day: date) -> str:
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def time_in(language: str, moment: datetime) -> str:
    """The day and the minute, the zone always said: 22 November 2026, 13:05 UTC or 2026年11月22日 22:05 and 日本時間."""
    if language == "ja":
        return f"{date_in(language, moment)} {moment.astimezone(_JAPAN):%H:%M}（日本時間）"  # noqa: RUF001 - so in Japanese
    return f"{date_in(language, moment)}, {moment.astimezone(UTC):%H:%M} UTC"
