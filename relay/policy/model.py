"""What a policy file says, once read, checked and completed by its profiles: frozen values, every default filled in.

The file's format and its defaults are documented in policies/README.md; `format` checks it, `files` builds these.
Never does IO and never decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final

from relay.consent.events import Act, Basis
from relay.consent.facts import Freshness
from relay.consent.retention import Retention
from relay.message.rules import Amp, Existing, Fallback, OldSignatures, PlainCharset
from relay.policy.migration import Migration
from relay.reason import Reason, Verdict


class Kind(StrEnum):
    """What sort of mail a stream carries. Only commercial mail needs consent and gets headers and footer."""

    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"
    CORRESPONDENCE = "correspondence"
    SYSTEM = "system"


class Mode(StrEnum):
    """SHADOW: decided and logged, passed unedited; only withdrawals and complaints are enforced."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Expired(StrEnum):
    """Mail was held until its end: in the daily report to the client's owner, or to its sender by a DSN as well."""

    REPORT = "report"
    DSN = "dsn"


class RefusedAfterData(StrEnum):
    """Some recipients of a message are refused after DATA, the rest goes on: a DSN to the sender, or the log only."""

    REPORT = "report"
    LOG = "log"


#: The stream of the relay's own mail; no policy file may take its id.
RELAY_NOTICES: Final = "relay-notices"

#: Text by language tag ("ja", "en"); the tag "" stands for any language.
Texts = Mapping[str, str]


def text_in(texts: Texts, language: str, fallback: str = "en") -> str:
    """The text in `language`, else its main language ("en" for "en-GB"), else for any language, else in `fallback`,
    else the first one; "" when there is none.
    """
    for tag in (language, language.partition("-")[0], "", fallback):
        if tag in texts:
            return texts[tag]
    return next(iter(texts.values()), "")


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """Who speaks, as the footer and the pages show it. contact: a URL, mail address or telephone number. stop_address:
    a mail address where people can ask to stop, "" without one.
    """

    name: Texts
    postal_address: Texts
    contact: str
    privacy_policy: str
    stop_address: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One [[match]]: every key given has to fit (AND), one item of a key is enough (OR). Empty: fits anything.

    clients: names from relay.toml, `*` for any. mail_from: address patterns, `<>` the null sender. headers: lower-case
    field name to patterns of its value (`*` is anything; case does not matter).
    """

    clients: tuple[str, ...] = ()
    mail_from: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """accept: the bases that count. freshness: how long."""

    accept: frozenset[Basis]
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class HoldRules:
    """longest: hold.for, counted from the moment the person is asked. ask_again: may a held mail ask the person?
    expired: who is told when no yes came.
    """

    longest: timedelta
    ask_again: bool
    expired: Expired = Expired.REPORT


@dataclass(frozen=True, slots=True)
class MessageRules:
    """What is done to the message; the choices are those of `relay.message.rules`.

    language: of footer and pages where the person's own is not known. timezone: an IANA name that loads; the day of a
    consent is told in it. unsubscribe_hosts: where a withdrawal may be passed on to when the mailer's own
    List-Unsubscribe was replaced. feedback_id, cfbl_address, precedence: "" for none.
    """

    existing_list_unsubscribe: Existing = Existing.REPLACE
    undisclosable: Fallback = Fallback.REJECT
    amp: Amp = Amp.KEEP
    charset: PlainCharset = PlainCharset.UTF_8
    old_signatures: OldSignatures = OldSignatures.REMOVE
    language: str = "en"
    timezone: str = "UTC"
    feedback_id: str = ""
    cfbl_address: str = ""
    precedence: str = ""
    auto_submitted: bool = False
    refused_after_data: RefusedAfterData = RefusedAfterData.REPORT
    unsubscribe_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FooterWords:
    """[footer.LANG]: the stream's own words in one language, each "" where the built-in ones stay.

    text, html: templates of the whole footer, the content of text_file and html_file (names as in the policy file).
    why: the template of its sentence that says why the person gets the mail. date: how a day is written, of {year},
    {month} and {day}.
    """

    text: str = ""
    html: str = ""
    why: str = ""
    date: str = ""
    text_file: str = ""
    html_file: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """The facts that an [[expect]] starts from; every time as its age at the moment of the test.

    address: of the recipient ("" for one that no [[internal]] covers). withdrawn_brand: the withdrawal covers all
    commercial streams of the brand, not this stream alone.
    """

    basis: Basis | None = None
    act: Act | None = None
    granted: timedelta | None = None
    confirmed: timedelta | None = None
    renewed: timedelta | None = None
    requested: timedelta | None = None
    last_contact: timedelta | None = None
    withdrawn: timedelta | None = None
    withdrawn_brand: bool = False
    complained: timedelta | None = None
    undeliverable: timedelta | None = None
    live: bool = False
    paused: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Expect:
    """A test that lives with its policy. reason, reasons: None where the file does not say. line: of its [[expect]].
    at: the moment of the test (aware UTC), None for now.
    """

    given: Given
    verdict: Verdict
    reason: Reason | None
    reasons: tuple[Reason, ...] | None
    note: str
    line: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a key was written: a line of the stream's file, a line of a profile (then with the source
    of the figure), or nowhere (file "": the format's own default).
    """

    file: str = ""
    line: int = 0
    source: str = ""

    def __str__(self) -> str:
        if not self.file:
            return "default"
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.source})" if self.source else place


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of mail with one purpose: one policy file.

    sender: None only where the kind is not commercial. footers: own words by language tag. verdicts: complete, one for each reason. internal: address
    patterns that need no consent. file: as its problems name it. hash: SHA-256 (hex) of what the file means; comments,
    layout, file name and [[expect]] do not change it. origins: key ("consent.stale_after") to where it was written.
    migration: None without one; it may be over.
    """

    id: str
    brand: str
    kind: Kind
    mode: Mode
    purpose: Texts
    audience: Texts
    list_id: str
    sender: SenderIdentity | None
    matches: tuple[Match, ...]
    consent: ConsentRules
    verdicts: Mapping[Reason, Verdict]
    hold: HoldRules
    message: MessageRules
    internal: tuple[str, ...]
    expects: tuple[Expect, ...]
    file: str
    hash: str
    profiles: tuple[str, ...] = ()
    footers: Mapping[str, FooterWords] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    migration: Migration | None = None
    retention: Retention = field(default_factory=Retention)

    @property
    def is_commercial(self) -> bool:
        return self.kind is Kind.COMMERCIAL

    def origin(self, key: str) -> Origin:
        return self.origins.get(key, Origin())


@dataclass(frozen=True)
class Policies:
    """All streams, in file order (by name of file). hash: SHA-256 (hex) over theirs."""

    streams: tuple[Stream, ...]
    hash: str

    @cached_property
    def by_id(self) -> Mapping[str, Stream]:
        return {stream.id: stream for stream in self.streams}
