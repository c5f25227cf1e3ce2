"""The wide key of an address: every spelling that reaches the same person gives the same key.

A withdrawal counts for all of them. Too wide stops wanted mail of a namesake, too narrow breaks a promise: what is
folded is what mail systems are documented to fold. Look-alikes (Cyrillic and Latin "a") are different mailboxes.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Counts up when the same address folds to another key than before; tombstones of erased people carry it.
FOLD_VERSION: Final = 1
#: Domains of one provider under which one name is one mailbox, however it is written.
_SAME_MAILBOX: Final = {
    "googlemail.com": "gmail.com",  # https://support.google.com/mail/answer/10313
    "me.com": "icloud.com",  # https://support.apple.com/en-us/111797
    "mac.com": "icloud.com",
    "proton.me": "protonmail.com",  # https://proton.me/support/addresses-and-aliases
    "pm.me": "protonmail.com",
    "ya.ru": "yandex.ru",  # https://yandex.com/support/mail: one login under all its domains
    "yandex.by": "yandex.ru",
    "yandex.com": "yandex.ru",
    "yandex.kz": "yandex.ru",
    "narod.ru": "yandex.ru",
}
#: Characters of a local part that a provider ignores.
_IGNORED: Final = {"gmail.com": ".", "protonmail.com": ".-_"}
#: Providers where anything@name.domain reaches name@domain (https://www.fastmail.help/hc/en-us/articles/360060591053).
_SUBDOMAIN_ADDRESSING: Final = frozenset(
    {
        "123mail.org", "33mail.com", "addy.io", "anonaddy.com", "anonaddy.me", "eml.cc", "fastmail.cn",
        "fastmail.co.uk", "fastmail.com", "fastmail.com.au", "fastmail.de", "fastmail.es", "fastmail.fm",
        "fastmail.fr", "fastmail.im", "fastmail.in", "fastmail.jp", "fastmail.mx", "fastmail.net", "fastmail.nl",
        "fastmail.org", "fastmail.se", "fastmail.to", "fastmail.tw", "fastmail.uk", "fastmail.us", "sent.com",
    }
)  # fmt: skip
#: Default_Ignorable_Code_Point (UAX #44): shown as nothing.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def wide_key(local: str, domain: str) -> str:
    """The key for a canonical local part and domain; text for comparing and storing, not an address."""
    local = local.lower() if local.isascii() else _folded(local)
    head, parent = _subdomain(domain)
    if parent:
        local, domain = head, parent
    domain = _SAME_MAILBOX.get(domain, domain)
    plus = local.find("+")
    if plus > 0:
        local = local[:plus]
    ignored = _IGNORED.get(domain)
    if ignored:
        local = "".join(character for character in local if character not in ignored) or local
    elif domain == "yandex.ru":
        local = local.replace(".", "-")
    return f"{local}@{domain}"


def domains_of(wide: str) -> tuple[str, ...]:
    """All domains under which an address with this key may be written."""
    local, _, domain = wide.rpartition("@")
    same = [one for one, main in _SAME_MAILBOX.items() if main == domain]
    below = [f"{local}.{domain}"] if domain in _SUBDOMAIN_ADDRESSING else []
    return (domain, *same, *below)


def _subdomain(domain: str) -> tuple[str, str]:
    head, _, parent = domain.partition(".")
    return (head, parent) if parent in _SUBDOMAIN_ADDRESSING else ("", "")


def _folded(local: str) -> str:
    """NFKC, simple case folding, nothing invisible. Simple: full folding would make one of "straße" and "strasse"."""
    before = ""
    while local != before:
        before = local
        visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", local)) or local
        local = unicodedata.normalize("NFKC", "".join(map(_lower, visible)))
    return local


def _lower(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character.lower()
