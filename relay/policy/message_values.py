"""What may stand after the = below [message] and [footer.LANG], and mail addresses: readers as in `values`.

What of it ends in a header field is plain ASCII without anything that could end the field.
"""

from __future__ import annotations

import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import WithJsonSchema

from relay.address import AddressError, address_from_text
from relay.config.mistakes import Mistake, did_you_mean, shown
from relay.policy.values import read_by, read_text

#: Gmail's rule for the SenderId, the last field of a Feedback-ID.
_SENDER_ID: Final = re.compile(r"[A-Za-z0-9_-]{5,15}")
#: Names of the IANA list. Capitals first, so neither "localtime" nor "right/..." (leap seconds), which machines have, too.
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Z][A-Za-z0-9_+-]*){0,2}")
_FILE: Final = re.compile(r"[^/\\\x00-\x1f\x7f]+(?:/[^/\\\x00-\x1f\x7f]+)*")
_DAY_FIELD: Final = re.compile(r"\{(year|month|day)(?::02)?\}")
_DAY_FIELDS: Final = ("year", "month", "day")
_LONGEST_SENTENCE: Final = 2000


def _sender_id(value: object) -> str:
    if value == "":
        return ""
    text = read_text(value, 'write "brandnews"')
    if not _SENDER_ID.fullmatch(text):
        raise Mistake(
            f"{shown(text)} is no SenderId of Gmail's Feedback-ID",
            "write 5 to 15 letters, digits, hyphens or underscores",
        )
    return text


def _mail_address(value: object) -> str:
    """In canonical form; ASCII without quotes, so that it can stand in a header field and in a link."""
    text = read_text(value, 'write "name@brand.example"')
    try:
        address = address_from_text(text)
    except AddressError:
        raise Mistake(f"{shown(text)} is not a mail address", 'write "name@brand.example"') from None
    if not address.is_ascii or '"' in str(address):
        raise Mistake(f"{shown(text)} is an address that not every program can read", 'write a plain one: "name@..."')
    return str(address)


def _mail_address_or_none(value: object) -> str:
    return "" if value == "" else _mail_address(value)


def read_timezone(value: object) -> str:
    text = read_text(value, 'write "Asia/Tokyo" or "UTC"')
    if not _ZONE.fullmatch(text) or not _loads(text):
        near = did_you_mean(text, sorted(name for name in available_timezones() if _ZONE.fullmatch(name)))
        instead = f'did you mean "{near}"?' if near else 'write a name of the IANA list, as "Asia/Tokyo" or "UTC"'
        raise Mistake(f"there is no time zone {shown(text)}", instead)
    return text


def _loads(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # "Asia" is a folder, "Etc/X" is not there, a broken file
        return False
    return True


def read_file_name(value: object) -> str:
    """Of a template: below the folder of the policy file, whatever `..` and links make of it elsewhere."""
    text = read_text(value, 'write "footers/newsletter.fr.html"')
    if not _FILE.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise Mistake(
            f"{shown(text)} is not the name of a file beside this one", 'write it as in "footers/newsletter.fr.html"'
        )
    return text


def read_sentence(value: object) -> str:
    return read_text(value, "write the sentence", longest=_LONGEST_SENTENCE)


def read_day(value: object) -> str:
    """How a day is written: {year}, {month} and {day} are filled in."""
    text = read_text(value, 'write "{day}/{month}/{year}"')
    used = {found[1] for found in _DAY_FIELD.finditer(text)}
    rest = _DAY_FIELD.sub("", text)
    if "{" in rest or "}" in rest:
        raise Mistake(
            f"{shown(text)} has other braces than {{year}}, {{month}} and {{day}}", 'write "{day}/{month}/{year}"'
        )
    if used != set(_DAY_FIELDS):
        missing = " and ".join(f"{{{name}}}" for name in _DAY_FIELDS if name not in used)
        raise Mistake(f"{shown(text)} lacks {missing}", 'write "{day}/{month}/{year}"')
    return text


SenderId = Annotated[
    str, read_by(_sender_id), WithJsonSchema({"type": "string", "pattern": f"^({_SENDER_ID.pattern})?$"})
]
MailAddress = Annotated[str, read_by(_mail_address), WithJsonSchema({"type": "string", "format": "email"})]
MailAddressOrNone = Annotated[
    str,
    read_by(_mail_address_or_none),
    WithJsonSchema({"anyOf": [{"const": ""}, {"type": "string", "format": "email"}]}),
]
Timezone = Annotated[str, read_by(read_timezone), WithJsonSchema({"type": "string", "pattern": f"^{_ZONE.pattern}$"})]
FileName = Annotated[str, read_by(read_file_name), WithJsonSchema({"type": "string", "minLength": 1})]
Sentence = Annotated[str, read_by(read_sentence), WithJsonSchema({"type": "string", "minLength": 1})]
Day = Annotated[str, read_by(read_day), WithJsonSchema({"type": "string", "minLength": 1})]
