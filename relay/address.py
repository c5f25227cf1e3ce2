"""Mail addresses: a strict RFC 5321/6531 grammar over bytes, one canonical form, one wide key.

What is checked must be exactly what goes on the wire, so every address is parsed once, here, from the client's bytes,
and written from here. Whatever another parser might read differently is refused: source routes, `%` and `!` routing,
quoted `@`, backslashes, comments, encoded-words, address literals. No other library parses an address, and nothing
here echoes what it refuses.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

from relay.address_wide import wide_key

#: RFC 5321 section 4.5.3.1: octets of a local part, a domain, and a path without its angle brackets.
MAX_LOCAL: Final = 64
MAX_DOMAIN: Final = 255
MAX_MAILBOX: Final = 254
#: Longer input is not looked at: the longest U-label spelling of a 254-octet address stays below it.
_MAX_INPUT: Final = 2048

# atext of RFC 5322 without % and !, which Postfix and others read as routing ("user%example.com@relay").
_ATEXT: Final = r"A-Za-z0-9#$&'*+/=?^_`{|}~\-"
_PLAIN_LOCAL: Final = rf"(?>[{_ATEXT}]+)(?:\.(?>[{_ATEXT}]+))*"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PLAIN: Final = re.compile(rf"({_PLAIN_LOCAL})@((?i:{_DOMAIN.pattern}))\.?".encode())
_CANONICAL: Final = re.compile(rf"{_PLAIN_LOCAL}@{_DOMAIN.pattern}")
_DOT_ATOM: Final = re.compile(rf"[{_ATEXT}\x80-\U0010ffff]+(?:\.[{_ATEXT}\x80-\U0010ffff]+)*")
_LOOSE_DOTS: Final = re.compile(rf"[{_ATEXT}\x80-\U0010ffff.]+")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
#: What other parsers decode (RFC 2047); seen to become a second recipient.
_ENCODED_WORD: Final = re.compile(r"=\?.*\?=", re.DOTALL)

_NO_LOOSE_DOMAINS: Final[frozenset[str]] = frozenset()


class AddressError(ValueError):
    """Why something is no address that we take. str(): ASCII words, never the offending bytes."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox in canonical form; cannot be built otherwise (AddressError).

    local: content without quotes, case kept. domain: lower case, A-labels, no trailing dot. str() is what goes on the
    wire between < and >; parsing that gives the same value back.
    """

    local: str
    domain: str

    def __post_init__(self) -> None:
        _check(self.local, self.domain)

    def __str__(self) -> str:
        return f"{_quoted(self.local)}@{self.domain}"

    @property
    def wire(self) -> bytes:
        return str(self).encode()

    @property
    def is_ascii(self) -> bool:
        """False: the next hop must offer SMTPUTF8."""
        return self.local.isascii()

    @property
    def wide(self) -> str:
        """The key under which all spellings that reach the same person meet. For withdrawals, never for the wire."""
        return wide_key(self.local, self.domain)


def parse_mailbox(raw: bytes, *, smtputf8: bool, loose_domains: frozenset[str] = _NO_LOOSE_DOMAINS) -> Address:
    """The address in `raw`, given without angle brackets; AddressError when it is none that we take.

    smtputf8: whether characters outside ASCII are allowed (RFC 6531). loose_domains: canonical domains whose local
    parts may have dots where none may stand (old Japanese phone addresses); they are written quoted.
    """
    plain = _PLAIN.fullmatch(raw)
    if plain:  # nearly all mail
        local, domain = plain[1].decode("ascii"), plain[2].decode("ascii").lower()
        if "xn--" not in domain:
            return Address(local, domain)
    text = _decoded(raw, smtputf8=smtputf8)
    if text.startswith('"'):
        local, domain = _split_quoted(text)
        return Address(local, _canonical_domain(domain))
    local, domain = _split_plain(text)
    domain = _canonical_domain(domain)
    if not _DOT_ATOM.fullmatch(local) and not (domain in loose_domains and _LOOSE_DOTS.fullmatch(local)):
        raise AddressError(_why_no_dot_atom(local))
    return Address(local, domain)


def parse_path(raw: bytes, *, smtputf8: bool, loose_domains: frozenset[str] = _NO_LOOSE_DOMAINS) -> Address:
    """The address in a forward-path `<...>` as it stands after RCPT TO: (without parameters)."""
    if raw[:1] != b"<" or raw[-1:] != b">":
        raise AddressError("the path is not enclosed in < and >")
    if raw == b"<>":
        raise AddressError("an empty path where an address must stand")
    return parse_mailbox(raw[1:-1], smtputf8=smtputf8, loose_domains=loose_domains)


def parse_reverse_path(
    raw: bytes, *, smtputf8: bool, loose_domains: frozenset[str] = _NO_LOOSE_DOMAINS
) -> Address | None:
    """The address after MAIL FROM:, None for the null reverse-path `<>`."""
    if raw == b"<>":
        return None
    return parse_path(raw, smtputf8=smtputf8, loose_domains=loose_domains)


def address_from_text(text: str, *, loose_domains: frozenset[str] = _NO_LOOSE_DOMAINS) -> Address:
    """An address out of a file, an option or a request: white space around it is ignored, UTF-8 allowed."""
    try:
        raw = text.strip().encode()
    except UnicodeEncodeError:  # lone surrogates: JSON can carry them, UTF-8 and SQLite cannot
        raise AddressError("a lone surrogate in the address") from None
    return parse_mailbox(raw, smtputf8=True, loose_domains=loose_domains)


def _decoded(raw: bytes, *, smtputf8: bool) -> str:
    if len(raw) > _MAX_INPUT:
        raise AddressError("the address is too long")
    if _CONTROL.search(raw):
        raise AddressError("a control character in the address")
    if not smtputf8 and not raw.isascii():
        raise AddressError("characters outside ASCII without SMTPUTF8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise AddressError("the address is not UTF-8") from None


def _split_quoted(text: str) -> tuple[str, str]:
    if "\\" in text:
        raise AddressError("a backslash in the address")
    local, quote, rest = text[1:].partition('"')
    if not quote:
        raise AddressError("a quote that is not closed")
    if not rest.startswith("@"):
        raise AddressError("no @ and domain after the quoted local part")
    return local, rest[1:]


def _split_plain(text: str) -> tuple[str, str]:
    if text.startswith("@"):
        raise AddressError("a source route" if ":" in text else "an empty local part")
    local, at, domain = text.partition("@")
    if not at or not domain:
        raise AddressError("the address has no domain")
    if "@" in domain:
        raise AddressError("more than one @")
    return local, domain


def _why_no_dot_atom(local: str) -> str:
    for character, name in (
        ("\\", "a backslash"), ('"', "a quote"), ("(", "a comment"), (" ", "a space"), ("%", "a % in the local part"),
        ("!", "a ! in the local part"), ("<", "a second <"), (">", "a second >"), (":", "a source route"),
    ):  # fmt: skip
        if character in local:
            return f"{name} in the address" if "in the" not in name else name
    if ".." in local or local.startswith(".") or local.endswith("."):
        return "a dot where none may stand"
    return "a character that may not stand in an unquoted local part"


def _canonical_domain(text: str) -> str:
    """Lower case and A-labels (UTS #46, IDNA 2008), without a trailing dot."""
    if text.startswith("["):
        raise AddressError("an address literal instead of a domain")
    if text.isascii():
        labels = text.lower().split(".")
    else:
        try:
            labels = idna.uts46_remap(text, std3_rules=True, transitional=False).split(".")
        except idna.IDNAError:
            raise AddressError("a character that may not stand in a domain") from None
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    return ".".join(_canonical_label(label) for label in labels)


def _canonical_label(label: str) -> str:
    if label.isascii() and not label.startswith("xn--"):
        return label
    try:
        # PVALID labels of IDNA 2008 are stable under the mapping, so no second look at the mapped form is needed.
        canonical = idna.alabel(idna.ulabel(label)).decode("ascii")
    except (idna.IDNAError, UnicodeError, IndexError):
        raise AddressError("a label of the domain is not valid in IDNA") from None
    if label.isascii() and canonical != label:  # an A-label that others may read as something else
        raise AddressError("a label of the domain is not valid in IDNA")
    return canonical


def _check(local: str, domain: str) -> None:
    if "xn--" in domain or not _CANONICAL.fullmatch(f"{local}@{domain}"):  # one expression settles the plain case
        _check_local(local)
        _check_domain(domain)
    if "=?" in local and _ENCODED_WORD.search(local):
        raise AddressError("an encoded-word in the address")
    if domain.rpartition(".")[2].isdigit():
        raise AddressError("an address literal instead of a domain")
    octets = len(_quoted(local).encode())
    if octets > MAX_LOCAL:
        raise AddressError(f"the local part is longer than {MAX_LOCAL} octets")
    if len(domain) > MAX_DOMAIN:
        raise AddressError(f"the domain is longer than {MAX_DOMAIN} octets")
    if octets + 1 + len(domain) > MAX_MAILBOX:
        raise AddressError(f"the address is longer than {MAX_MAILBOX} octets")


def _check_local(local: str) -> None:
    if not local:
        raise AddressError("an empty local part")
    for character in local:
        if not character.isascii() and _is_refused(character):
            raise AddressError("a control, space or non-character in the local part")
        if character < " " or character == "\x7f":
            raise AddressError("a control character in the address")
    if '"' in local or "\\" in local:
        raise AddressError("a quote or backslash within the local part")
    if local != local.strip(" "):
        raise AddressError("a space at the edge of the local part")
    # Compatibility forms too (full-width @): software that normalises would read a route.
    folded = local if local.isascii() else unicodedata.normalize("NFKC", local)
    for character in "@%!":
        if character in folded:
            raise AddressError(f"a {character} in the local part")


def _is_refused(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp", "Zs"}
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
    )


def _check_domain(domain: str) -> None:
    if not domain:
        raise AddressError("the address has no domain")
    if any(len(label) > 63 for label in domain.split(".")):
        raise AddressError("a label of the domain is longer than 63 octets")
    if not _DOMAIN.fullmatch(domain):
        raise AddressError("the domain is not made of letters, digits, hyphens and single dots")
    if _canonical_domain(domain) != domain:
        raise AddressError("the domain is not in canonical form")


def _quoted(local: str) -> str:
    return local if _DOT_ATOM.fullmatch(local) else f'"{local}"'


def check_pattern(pattern: str) -> None:
    """AddressError when `pattern` is none that `matches_pattern` can ever match."""
    if pattern not in ("*", "<>"):
        _compiled(pattern)


def matches_pattern(pattern: str, address: Address | None) -> bool:
    """Is this sender or recipient (None: the null sender) meant by a pattern of a configuration or policy file?

    `*` anything, `<>` only the null sender, otherwise `local@domain` where `*` stands for any characters. Case does
    not matter on either side: a rule must not be evaded by writing NEWS@; U-labels match their A-labels.
    """
    if pattern == "*":
        return True
    if pattern == "<>" or address is None:
        return pattern == "<>" and address is None
    try:
        local, domain = _compiled(pattern)
    except AddressError:
        return False
    return bool(domain.fullmatch(address.domain) and local.fullmatch(address.local.lower()))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    local, at, domain = pattern.rpartition("@")
    if not at or not local or not domain:
        raise AddressError("a pattern is *, <> or local@domain, where * stands for any characters")
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = local[1:-1]
    if not domain.isascii() or "xn--" in domain.lower():
        domain = ".".join(label if "*" in label else _canonical_domain(label) for label in domain.split("."))
    domain = domain.lower().removesuffix(".")
    if not _DOMAIN.fullmatch(domain.replace("*", "x")):
        raise AddressError("the domain of the pattern is not made of letters, digits, hyphens, dots and *")
    return _glob(local.lower()), _glob(domain)


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
