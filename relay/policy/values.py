"""What may stand after the = in a policy file: readers of single values, each telling what to write instead.

They raise Mistake or Mistakes. Texts are kept free of control characters and line breaks, so that nothing in them can
break a header, a page or a footer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from relay.address import AddressError, address_from_text
from relay.config.durations import parse_duration
from relay.config.mistakes import Mistake, Mistakes, did_you_mean, one_of, shown
from relay.consent.events import Basis
from relay.policy.model import RELAY_NOTICES
from relay.reason import MEANINGS, Reason, Verdict

#: "never" for a period: it sorts after every real one, so the shorter of two is the stricter.
NEVER: Final = timedelta.max
_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_LIST_ID: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,70}")
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_CALENDAR_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Nobody agreed by mail before; earlier days are misread.
_FIRST_DAY: Final = date(1980, 1, 1)
#: Its end is a moment in every time zone.
_LAST_DAY: Final = date(9999, 12, 29)
_LONGEST_TEXT: Final = 500


def read_by(read: Callable[[object], object]) -> GetPydanticSchema:
    """A field whose values `read` turns from TOML into what the code uses."""
    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(read))


def read_text(value: object, instead: str = "write the words people will read", *, longest: int = _LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise Mistake(f"must be text in quotes, not {shown(value)}", 'write it as "..."')
    if not value.strip():
        raise Mistake("is empty", instead)
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in value):
        raise Mistake("has a line break or another control character in it", "write it on one line, with commas")
    if len(value) > longest:
        raise Mistake(f"is longer than {longest} characters", "shorten it")
    return value.strip()


def _texts(value: object) -> dict[str, str]:
    """Text for any language, or a table of texts by language."""
    if not isinstance(value, dict):
        return {"": read_text(value)}
    if not value:
        raise Mistake("is empty", 'write a text by language: { ja = "...", en = "..." }')
    found: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for tag, text in value.items():
        if not LANGUAGE.fullmatch(tag):
            mistakes.append(Mistake(f"{shown(tag)} is not a language", "write a tag like ja, en or de", at=(tag,)))
            continue
        try:
            found[tag] = read_text(text)
        except Mistake as mistake:
            mistakes.append(Mistake(mistake.wrong, mistake.instead, at=(tag,)))
    Mistakes.raise_any(mistakes)
    return found


def _version(value: object) -> int:
    if type(value) is not int or value != 1:
        raise Mistake(f"{shown(value)} is no version of this format", "write version = 1")
    return value


def _identifier(value: object) -> str:
    text = read_text(value, "write small letters a-z, digits and hyphens")
    if not _ID.fullmatch(text):
        raise Mistake(
            f"{shown(text)} cannot be an id", "write small letters a-z, digits and hyphens between them, at most 63"
        )
    return text


def _stream_id(value: object) -> str:
    text = _identifier(value)
    if text == RELAY_NOTICES:
        raise Mistake(f'"{RELAY_NOTICES}" is the stream of the relay\'s own mail', "choose another id")
    return text


def _list_id(value: object) -> str:
    """RFC 2919: a dot-atom of at least two labels, at most 255 octets."""
    text = read_text(value, 'write it as in "newsletter.brand.example"')
    if len(text) > 255 or not _LIST_ID.fullmatch(text):
        raise Mistake(
            f"{shown(text)} cannot be a List-Id (RFC 2919)",
            'write small letters, digits and hyphens with dots between, as in "newsletter.brand.example"',
        )
    return text


def _language(value: object) -> str:
    text = read_text(value, "write a tag like ja, en or de")
    if not LANGUAGE.fullmatch(text):
        raise Mistake(f"{shown(text)} is not a language", "write a tag like ja, en or de")
    return text


def _web_address(value: object) -> str:
    text = read_text(value, 'write it whole: "https://..."')
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and " " not in text
    except ValueError:
        good = False
    if not good or not text.isascii() or any(char in text for char in '<>"'):
        raise Mistake(f"{shown(text)} is not a web address", 'write it whole: "https://..."')
    return text


def _contact(value: object) -> str:
    """Where a person can complain: a web address, a mail address or a telephone number."""
    text = read_text(value, 'write "https://...", a mail address or a telephone number')
    if text.startswith(("https://", "http://")):
        return _web_address(text)
    number = text.removeprefix("tel:")
    if re.fullmatch(r"\+?[0-9][0-9() .-]{4,24}", number):
        return text
    try:
        address_from_text(text.removeprefix("mailto:"))
    except AddressError:
        raise Mistake(
            f"{shown(text)} is no way to reach somebody", 'write "https://...", a mail address or a telephone number'
        ) from None
    return text


def _host(value: object) -> str:
    text = read_text(value, 'write "lists.example"').lower()
    if not _HOST.fullmatch(text):
        raise Mistake(f"{shown(text)} is not a host name", 'write "lists.example" or "*.lists.example"')
    return text


def _items(value: object, read: Callable[[object], str], example: str) -> tuple[str, ...]:
    """A list, or one item alone."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise Mistake("is an empty list: it would fit nothing", f"write {example} or leave the key out")
    found: list[str] = []
    mistakes: list[Mistake] = []
    for number, item in enumerate(items):
        try:
            found.append(read(item))
        except Mistake as mistake:
            at = (number,) if isinstance(value, list) else ()
            mistakes.append(Mistake(mistake.wrong, mistake.instead, at=at))
    Mistakes.raise_any(mistakes)
    return tuple(found)


def _address_pattern(value: object) -> str:
    text = read_text(value, 'write "*@brand.example"')
    local, at, domain = text.rpartition("@")
    where = domain.removeprefix("*.")
    try:
        address_from_text(f"{local.replace('*', 'x')}@{where}")
    except AddressError:
        at = ""
    if not at or "*" in where:
        raise Mistake(f"{shown(text)} is not an address pattern", 'write "name@domain", "*@domain" or "*@*.domain"')
    return text


def _sender_pattern(value: object) -> str:
    return value if value in ("*", "<>") and isinstance(value, str) else _address_pattern(value)


def _header_table(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise Mistake("must be a table of field names", 'write { "X-Campaign" = "offers*" }')
    found: dict[str, tuple[str, ...]] = {}
    mistakes: list[Mistake] = []
    for name, patterns in value.items():
        if not _FIELD_NAME.fullmatch(name):
            mistakes.append(
                Mistake(f"{shown(name)} is not the name of a header field", 'write "X-Campaign"', at=(name,))
            )
            continue
        if name.lower() in found:
            mistakes.append(Mistake("stands twice, capitals do not matter", "keep one of them", at=(name,)))
            continue
        try:
            found[name.lower()] = _items(patterns, read_text, '["*"]')
        except Mistake as mistake:
            mistakes.append(Mistake(mistake.wrong, mistake.instead, at=(name, *mistake.at)))
        except Mistakes as several:
            mistakes += [Mistake(one.wrong, one.instead, at=(name, *one.at)) for one in several.mistakes]
    Mistakes.raise_any(mistakes)
    return found


def read_period(value: object) -> timedelta:
    if value == "never":
        return NEVER
    if not isinstance(value, str):
        raise Mistake(f"{shown(value)} is not a duration", 'write a number and a unit in quotes, "7d", or "never"')
    found = parse_duration(value)
    if not found:
        raise Mistake(f"{shown(value)} would be over at once", 'write a longer time, or "never" to switch the rule off')
    return found


def read_length(value: object) -> timedelta:
    found = read_period(value)
    if found is NEVER:
        raise Mistake('"never" cannot stand here', 'write a duration such as "14d"')
    return found


def _age(value: object) -> timedelta:
    if value == "now":
        return timedelta()
    if isinstance(value, str) and value.endswith(" ago"):
        return parse_duration(value.removesuffix(" ago").strip())
    raise Mistake(f"{shown(value)} is not a time in the past", 'write "400d ago", "3h ago" or "now"')


def read_calendar_day(value: object) -> date:
    """2027-01-31, with quotes or without."""
    text = value.isoformat() if isinstance(value, date) else value
    try:
        if isinstance(text, str) and _CALENDAR_DAY.fullmatch(text):
            day = date.fromisoformat(text)
            if _FIRST_DAY <= day <= _LAST_DAY:
                return day
    except ValueError:
        pass
    raise Mistake(f"{shown(text)} is not a day", "write it as 2027-01-31")


def read_bases(value: object) -> tuple[Basis, ...]:
    return tuple(map(Basis, _words(value, Basis, '["double-opt-in"]')))


def _words(value: object, kind: type[Basis | Reason], example: str) -> tuple[str, ...]:
    """A list of words of an enumeration, none twice."""
    if not isinstance(value, list) or not value:
        raise Mistake(f"must be a list of at least one, not {shown(value)}", f"write {example}")
    mistakes: list[Mistake] = []
    for number, word in enumerate(value):
        if word not in list(kind):
            near = did_you_mean(str(word), list(kind))
            known = one_of([f'"{one}"' for one in kind])
            hint = f'did you mean "{near}"? It can be {known}' if near else f"write {known}"
            mistakes.append(Mistake(f"{shown(word)} is not known here", hint, at=(number,)))
        elif word in value[:number]:
            mistakes.append(Mistake(f"{shown(word)} stands twice", "keep one of them", at=(number,)))
    Mistakes.raise_any(mistakes)
    return tuple(kind(word) for word in value)


def _verdicts(value: object) -> dict[Reason, Verdict]:
    """By reason; only refusals that a policy may decide, and only verdicts that the laws of mail leave open."""
    if not isinstance(value, dict):
        raise Mistake("must be a table", "write it as [verdict] with its keys below")
    found: dict[Reason, Verdict] = {}
    mistakes: list[Mistake] = []
    for name, wanted in value.items():
        try:
            reason = Reason(name)
            found[reason] = _verdict_for(reason, wanted)
        except Mistake as mistake:
            mistakes.append(Mistake(mistake.wrong, mistake.instead, at=(name,)))
        except ValueError:
            near = did_you_mean(name, SETTABLE)
            instead = f"did you mean {near}?" if near else f"the reasons here are {', '.join(SETTABLE)}"
            mistakes.append(Mistake("there is no such reason", instead, at=(name,)))
    Mistakes.raise_any(mistakes)
    return found


def _verdict_for(reason: Reason, wanted: object) -> Verdict:
    allowed = [verdict for verdict in Verdict if verdict in MEANINGS[reason].allowed]
    if not allowed:
        raise Mistake(f"the verdict of {reason} cannot be chosen", "take the line out")
    choices = one_of([f'"{verdict}"' for verdict in allowed])
    if not isinstance(wanted, str) or wanted not in list(Verdict):
        near = did_you_mean(str(wanted), allowed)
        hint = f'did you mean "{near}"? It can be {choices}' if near else f"write {choices}"
        raise Mistake(f"{shown(wanted)} is not a verdict", hint)
    if wanted not in allowed:
        why = "mailers drop a recipient for good on a 550" if wanted == Verdict.REJECT else "it is a refusal"
        if MEANINGS[reason].allowed == MEANINGS[Reason.WITHDRAWN].allowed:
            why = "a no is final"
        raise Mistake(f"{reason} cannot be {shown(wanted)}, {why}", f"write {choices}")
    return Verdict(wanted)


#: Reasons whose verdict a policy may choose.
SETTABLE: Final = tuple(reason for reason in Reason if MEANINGS[reason].allowed)

_STRING: Final[dict[str, Any]] = {"type": "string"}
_STRINGS: Final[dict[str, Any]] = {"anyOf": [_STRING, {"type": "array", "items": _STRING, "minItems": 1}]}
_TEXTS_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        _STRING,
        {"type": "object", "propertyNames": {"pattern": f"^{LANGUAGE.pattern}$"}, "additionalProperties": _STRING},
    ]
}
_VERDICTS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {reason.value: {"enum": sorted(MEANINGS[reason].allowed)} for reason in SETTABLE},
}

Text = Annotated[str, read_by(read_text), WithJsonSchema(_STRING)]
TextByLanguage = Annotated[dict[str, str], read_by(_texts), WithJsonSchema(_TEXTS_SCHEMA)]
Version = Annotated[int, read_by(_version), WithJsonSchema({"const": 1})]
Identifier = Annotated[str, read_by(_identifier), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"})]
StreamId = Annotated[str, read_by(_stream_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"})]
ListId = Annotated[
    str, read_by(_list_id), WithJsonSchema({"type": "string", "pattern": f"^{_LIST_ID.pattern}$", "maxLength": 255})
]
Language = Annotated[str, read_by(_language), WithJsonSchema({"type": "string", "pattern": f"^{LANGUAGE.pattern}$"})]
WebAddress = Annotated[str, read_by(_web_address), WithJsonSchema({"type": "string", "format": "uri"})]
Contact = Annotated[str, read_by(_contact), WithJsonSchema(_STRING)]
Hosts = Annotated[
    tuple[str, ...], read_by(lambda value: _items(value, _host, '["lists.example"]')), WithJsonSchema(_STRINGS)
]
Names = Annotated[tuple[str, ...], read_by(lambda value: _items(value, read_text, '["*"]')), WithJsonSchema(_STRINGS)]
SenderPatterns = Annotated[
    tuple[str, ...], read_by(lambda value: _items(value, _sender_pattern, '["*"]')), WithJsonSchema(_STRINGS)
]
AddressPatterns = Annotated[
    tuple[str, ...],
    read_by(lambda value: _items(value, _address_pattern, '["*@brand.example"]')),
    WithJsonSchema(_STRINGS),
]
HeaderPatterns = Annotated[
    dict[str, tuple[str, ...]],
    read_by(_header_table),
    WithJsonSchema({"type": "object", "additionalProperties": _STRINGS}),
]
Period = Annotated[
    timedelta, read_by(read_period), WithJsonSchema({"type": "string", "pattern": "^([0-9]+[smhd]|never)$"})
]
Length = Annotated[timedelta, read_by(read_length), WithJsonSchema({"type": "string", "pattern": "^[0-9]+[smhd]$"})]
Age = Annotated[timedelta, read_by(_age), WithJsonSchema({"type": "string", "pattern": "^(now|[0-9]+[smhd] ago)$"})]
CalendarDay = Annotated[date, read_by(read_calendar_day), WithJsonSchema({"type": "string", "format": "date"})]
Bases = Annotated[
    tuple[Basis, ...],
    read_by(read_bases),
    WithJsonSchema({"type": "array", "items": {"enum": list(Basis)}, "minItems": 1, "uniqueItems": True}),
]
Reasons = Annotated[
    tuple[Reason, ...],
    read_by(lambda value: _words(value, Reason, '["stale"]')),
    WithJsonSchema({"type": "array", "items": {"enum": list(Reason)}, "minItems": 1, "uniqueItems": True}),
]
Verdicts = Annotated[dict[Reason, Verdict], read_by(_verdicts), WithJsonSchema(_VERDICTS_SCHEMA)]
