"""The format of a policy file, table by table; `policy schema` prints the JSON schema of it.

What one key may hold is said here and in `values`; what several keys say together, `checks` looks at.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from relay.config.mistakes import Mistake, Mistakes
from relay.config.toml import Table
from relay.consent.events import Act, Basis
from relay.message.rules import Amp, Existing, Fallback, OldSignatures, PlainCharset
from relay.policy.message_values import Day, FileName, MailAddress, MailAddressOrNone, SenderId, Sentence, Timezone
from relay.policy.model import Expired, Kind, Mode, RefusedAfterData
from relay.policy.values import (
    AddressPatterns,
    Age,
    Bases,
    CalendarDay,
    Contact,
    HeaderPatterns,
    Hosts,
    Identifier,
    Language,
    Length,
    ListId,
    Names,
    Period,
    Reasons,
    SenderPatterns,
    StreamId,
    Text,
    TextByLanguage,
    Verdicts,
    Version,
    WebAddress,
)
from relay.reason import Reason, Verdict


class StreamTable(Table):
    """[stream]: what is sent and by whom."""

    id: StreamId = Field(
        examples=["newsletter"], description="Name of the stream; unique, never reused: consents are recorded under it"
    )
    brand: Identifier = Field(
        examples=["brand"], description="Who speaks to people; pages and withdrawals never cross brands"
    )
    kind: Kind = Field(
        examples=["commercial"], description="commercial needs consent and gets headers and footer; the others pass"
    )
    profiles: tuple[Identifier, ...] = Field(default=(), description="Profiles whose figures apply besides seed's")
    purpose: TextByLanguage | None = Field(default=None, description="What people get, in words, by language")
    audience: TextByLanguage | None = Field(default=None, description="To whom it goes, in words, by language")
    list_id: ListId | None = Field(default=None, description="The List-Id (RFC 2919); unique, never changed")
    mode: Mode = Field(default=Mode.ENFORCE, description="shadow decides and logs only; withdrawals are still enforced")


class SenderTable(Table):
    """[sender]: who answers for the mail; shown in the footer and on the pages."""

    name: TextByLanguage = Field(examples=["Brand K.K."], description="Name of the company or person")
    postal_address: TextByLanguage = Field(
        examples=["1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan"], description="Postal address, on one line"
    )
    contact: Contact = Field(
        examples=["https://brand.example/contact"],
        description="Where to complain: a web address, mail address or telephone number",
    )
    privacy_policy: WebAddress = Field(
        examples=["https://brand.example/privacy"], description="Web address of the privacy policy"
    )
    stop_address: MailAddress | None = Field(
        default=None, description="Mail address where people can ask to stop; somebody has to read it"
    )


class MatchTable(Table):
    """[[match]]: which mail belongs to the stream. Keys AND, items OR, several tables OR."""

    client: Names | None = Field(default=None, description='Names of clients in relay.toml, "*" for any')
    mail_from: SenderPatterns | None = Field(
        default=None, description='Envelope sender patterns; "<>" is the null sender'
    )
    header: HeaderPatterns | None = Field(default=None, description="Header fields and patterns of their values")


class ConsentTable(Table):
    """[consent]: which yes counts, and how long. Defaults come from the profiles."""

    accept: Bases | None = Field(default=None, description="Bases that count as consent")
    confirmation_sent_within: Period | None = Field(
        default=None,
        description="Your deadline for the mail that asks for the click; missed, the relay logs `confirmation-late` and "
        "the forecast says so",
    )
    confirm_within: Period | None = Field(
        default=None, description="Time that a person has to click the confirmation link"
    )
    first_mail_within: Period | None = Field(
        default=None, description="A live yes without mail for so long is asked again"
    )
    stale_after: Period | None = Field(default=None, description="A yes without contact for so long is asked again")
    renew_every: Period | None = Field(default=None, description="A yes this old is asked again in spite of contact")
    customer_within: Period | None = Field(default=None, description="A yes of basis customer counts for so long")
    inquiry_within: Period | None = Field(default=None, description="A yes of basis inquiry counts for so long")
    ask_before: Period | None = Field(
        default=None,
        description="From so long before its end on people are asked for a new yes, and the forecast names them",
    )


class MigrationTable(Table):
    """[migration]: bases that count for a while besides consent.accept, for an old list that is being asked."""

    accept: Bases = Field(examples=[["assumed"]], description="Bases that count meanwhile, besides consent.accept")
    until: CalendarDay = Field(
        examples=["2027-01-31"], description="The last day, in message.timezone; at most 90 days ahead"
    )
    said_before: CalendarDay | None = Field(
        default=None, description="Only a yes that was said before this day counts by it"
    )


class HoldTable(Table):
    """[hold]: what happens to mail whose verdict is hold."""

    for_: Length | None = Field(
        default=None, alias="for", description="How long held mail waits for a yes, from the day the person is asked"
    )
    ask_again: bool | None = Field(default=None, description="Does the relay ask the person when mail is held?")
    expired: Expired = Field(
        default=Expired.REPORT,
        description="Held until the end without a yes: told in the daily report, or by a DSN to the sender as well",
    )


class RetentionTable(Table):
    """[retention]: how long what is known of a person is kept."""

    evidence: Period | None = Field(
        default=None, description="Address and evidence, after the consent has ended and the last mail was sent"
    )
    technical: Period | None = Field(
        default=None, description="IP address and user agent of an event, from its recording on"
    )


class MessageTable(Table):
    """[message]: what is done to the message."""

    existing_list_unsubscribe: Existing = Field(
        default=Existing.REPLACE, description="The mailer's own List-Unsubscribe: replace, keep or combine"
    )
    unsubscribe_hosts: Hosts = Field(
        default=(), description="Hosts to which a withdrawal may be passed on; no effect yet"
    )
    undisclosable: Fallback | None = Field(
        default=None, description="Mail that cannot carry the footer: reject, wrap or headers-only"
    )
    amp: Amp | None = Field(
        default=None, description="An AMP part, which cannot carry the footer: keep, drop or undisclosable"
    )
    charset: PlainCharset = Field(
        default=PlainCharset.UTF_8,
        description="Plain text whose charset lacks a character of the footer: make it utf-8, or keep the charset",
    )
    old_signatures: OldSignatures = Field(
        default=OldSignatures.REMOVE, description="DKIM signatures that the change breaks: remove or keep"
    )
    language: Language | None = Field(default=None, description="Language where the person's own is not known")
    timezone: Timezone = Field(default="UTC", description="Time zone in which the day of a consent is told")
    feedback_id: SenderId = Field(
        default="", description="SenderId for Gmail's Feedback-ID, 5 to 15 letters, digits, hyphens or underscores"
    )
    cfbl_address: MailAddressOrNone = Field(
        default="", description="Mail address for complaint reports (RFC 9477); DKIM has to cover its domain"
    )
    precedence: Literal["", "bulk", "list"] = Field(default="", description="Precedence field: bulk or list")
    auto_submitted: bool = Field(default=False, description="Say Auto-Submitted: auto-generated (RFC 3834)?")
    refused_after_data: RefusedAfterData = Field(
        default=RefusedAfterData.REPORT,
        description="Recipients refused after DATA while others pass: report to the sender, or log only",
    )


class FooterTable(Table):
    """[footer.LANG]: the footer's words in one language, in place of the built-in ones."""

    text: FileName | None = Field(default=None, description="File with the footer of plain text, beside this one")
    html: FileName | None = Field(default=None, description="File with the footer of HTML, beside this one")
    why: Sentence | None = Field(
        default=None, description="Template of the sentence that says why the person gets this"
    )
    date: Day | None = Field(default=None, description="How a day is written, of {year}, {month} and {day}")


class InternalTable(Table):
    """[[internal]]: addresses that get the mail without consent (staff, tests), never against a withdrawal."""

    address: AddressPatterns = Field(examples=["*@brand.example"], description="Address patterns")
    note: Text | None = Field(default=None, description="Why; for readers of the file")


class GivenTable(Table):
    """given: the facts that an [[expect]] starts from; times as ages."""

    basis: Basis | None = Field(default=None, description="Basis of the yes")
    act: Act | None = Field(default=None, description="What the person did; default: what the basis implies")
    granted: Age | None = Field(default=None, description="When the yes was given")
    confirmed: Age | None = Field(default=None, description="When the confirmation link was clicked")
    renewed: Age | None = Field(default=None, description="When the yes was last renewed")
    requested: Age | None = Field(default=None, description="When an unanswered confirmation was asked for")
    last_contact: Age | None = Field(default=None, description="When mail of this stream was last delivered")
    withdrawn: Age | None = Field(default=None, description="When the person said no")
    withdrawn_scope: Literal["stream", "brand"] = Field(default="stream", description="What the no covers")
    complained: Age | None = Field(default=None, description="When the person reported spam")
    undeliverable: Age | None = Field(default=None, description="When the mailbox was permanently refused")
    live: bool = Field(default=False, description="Was the yes recorded when it was given, not imported?")
    paused: bool = Field(default=False, description="Is the stream paused?")
    address: Text | None = Field(default=None, description="The recipient, for tests of [[internal]]")


class ExpectTable(Table):
    """[[expect]]: a test of this policy, run by `consent-relay policy test`."""

    given: GivenTable = Field(examples=[{}], description="The facts")
    verdict: Verdict = Field(examples=["reject"], description="The verdict they must lead to")
    reason: Reason | None = Field(default=None, description="The reason that decides")
    reasons: Reasons | None = Field(default=None, description="All reasons in order of precedence")
    on: CalendarDay | None = Field(
        default=None, description="The day of the test, at noon in message.timezone; default: now"
    )
    note: Text | None = Field(default=None, description="What is tested; shown when it fails")


def _below_a_language(value: object) -> object:
    """Keys of [footer.LANG] right below [footer]: told in words of their own, else each would be taken for a language."""
    Mistakes.raise_any(
        [
            Mistake("stands below no language", "write it below [footer.ja] or [footer.en]", at=(key,))
            for key, words in (value.items() if isinstance(value, dict) else ())
            if key in FooterTable.model_fields and not isinstance(words, dict)
        ]
    )
    return value


class PolicyFile(Table):
    """A policy file of consent-relay: one stream, one purpose, one policy."""

    days: ClassVar = frozenset({("migration", "until"), ("migration", "said_before"), ("expect", "on")})
    model_config = ConfigDict(title="consent-relay policy")

    version: Version = Field(examples=[1], description="Version of this format")
    stream: StreamTable
    sender: SenderTable | None = None
    match: tuple[MatchTable, ...] = ()
    consent: ConsentTable = ConsentTable()
    migration: MigrationTable | None = None
    verdict: Verdicts = Field(default={}, description="Verdict by reason; each has a default")
    hold: HoldTable = Field(default_factory=HoldTable)
    retention: RetentionTable = RetentionTable()
    message: MessageTable = MessageTable()
    footer: Annotated[dict[Language, FooterTable], BeforeValidator(_below_a_language)] = Field(default_factory=dict)
    internal: tuple[InternalTable, ...] = ()
    expect: tuple[ExpectTable, ...] = ()
