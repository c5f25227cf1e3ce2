"""What is allowed in a policy and still deserves a second look. Pure; `consent-relay policy lint` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations, product
from typing import Final

from relay.address import Address, AddressError, address_from_text, matches_pattern
from relay.config.toml import Problem
from relay.consent.events import Basis
from relay.message.language import DEFAULT_LANGUAGE
from relay.message.rules import Amp, Existing, Fallback, PlainCharset
from relay.policy.migration import Migration, bases_in_words
from relay.policy.model import Match, Mode, Policies, Stream, text_in
from relay.reason import Reason

#: Names that RFC 2606 and RFC 6761 keep for examples; nobody lives there.
_EXAMPLE: Final = re.compile(r"(?:^|[./@])(?:example|test|invalid)(?:\.(?:com|net|org))?(?:[/:]|$)")
#: Whoever sends with these of the shipped newsletter.toml names nobody.
_SHIPPED_EXAMPLES: Final = frozenset(
    {
        "ブランド株式会社",
        "Brand K.K.",
        "〒100-0001 東京都千代田区千代田1-1",
        "1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan",
    }
)
_WEAK: Final = (Basis.CUSTOMER, Basis.INQUIRY, Basis.PUBLISHED, Basis.ASSUMED)
_STRONG: Final = (Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN)
#: Keys of [message] that pages and reports need for any mail.
_OF_EVERY_KIND: Final = frozenset({"language", "refused_after_data"})
#: How long implied consent lasts where a law says so (CASL s. 10(10)).
_IMPLIED: Final = {Basis.CUSTOMER: "730d", Basis.INQUIRY: "180d"}
#: Ends that asking in time moves.
_ASKED_BEFORE: Final = ("stale_after", "renew_every", "customer_within", "inquiry_within")
_FOR_EVER: Final = timedelta.max
_RULES_THAT_CAN_BE_OFF: Final = ("stale_after", "renew_every", "confirm_within")


def lint(policies: Policies, now: datetime) -> list[Problem]:
    """In order of files and lines; empty when there is nothing to say. now: aware."""
    found = [problem for stream in policies.streams for problem in _of_one(stream, now)]
    for one, other in combinations(policies.streams, 2):
        found += _overlap(one, other)
    return sorted(found)


def _of_one(stream: Stream, now: datetime) -> Iterator[Problem]:
    if not stream.expects:
        yield _at(stream, "expect", "this policy has no tests", "add [[expect]] with given and verdict")
    if stream.mode is Mode.SHADOW:
        yield _at(
            stream, "stream.mode", "shadow lets everything pass but a no", 'write "enforce" when you have seen enough'
        )
    if stream.is_commercial:
        yield from _commercial(stream)
        if stream.migration is not None:
            yield from _migration(stream, stream.migration, now)
    else:
        yield from _without_effect(stream)
    if stream.retention.evidence is None:
        yield _at(
            stream,
            "retention.evidence",
            "what is known of people who are gone is kept for ever",
            'write a duration such as "1096d", unless something obliges you to keep it',
        )
    if stream.retention.technical is None:
        yield _at(
            stream,
            "retention.technical",
            "IP addresses are kept for ever",
            'write a duration such as "365d"',
        )


def _commercial(stream: Stream) -> Iterator[Problem]:
    if set(stream.profiles) == {"seed"}:
        yield _at(stream, "stream.profiles", "no law is named", 'add the profiles of your readers\' countries: ["jp"]')
    if any("<>" in match.mail_from for match in stream.matches):
        yield _at(
            stream,
            "match",
            '"<>" is the sender of reports and automatic replies, not of commercial mail',
            'leave it to a stream of kind "system"',
        )
    weak = [basis for basis in _WEAK if basis in stream.consent.accept]
    if weak:
        yield _at(
            stream,
            "consent.accept",
            f"{', '.join(weak)} is no clear, active yes",
            "be sure that your law and your readers agree",
        )
    if weak and not stream.consent.accept.issuperset(_STRONG):
        yield _at(
            stream,
            "consent.accept",
            f"accepts {weak[0]} and not every stronger basis; a person's strongest yes is the one that counts",
            "add the stronger ones",
        )
    for name in _RULES_THAT_CAN_BE_OFF:
        if getattr(stream.consent.freshness, name) is None:
            yield _at(stream, f"consent.{name}", "this rule is off", 'write a duration such as "365d"')
    yield from _ends(stream)
    yield from _message(stream)
    yield from _languages(stream)
    yield from _examples(stream)


def _ends(stream: Stream) -> Iterator[Problem]:
    """When a yes ends, and when people are asked before it does."""
    limits = stream.consent.freshness
    for basis, key in ((Basis.CUSTOMER, "customer_within"), (Basis.INQUIRY, "inquiry_within")):
        if basis in stream.consent.accept and getattr(limits, key) is None:
            yield _at(
                stream,
                f"consent.{key}",
                f"a yes of basis {basis} counts for ever",
                f'write a duration such as "{_IMPLIED[basis]}"',
            )
    if limits.ask_before is None:
        yield _at(stream, "consent.ask_before", "nobody is asked before a yes ends", 'write a duration such as "30d"')
        return
    shorter = [key for key in _ASKED_BEFORE if (getattr(limits, key) or _FOR_EVER) <= limits.ask_before]
    if shorter:
        yield _at(
            stream,
            "consent.ask_before",
            f"is not shorter than {' and '.join(shorter)}: everybody would be asked all the time",
            "write a shorter one",
        )


def _migration(stream: Stream, migration: Migration, now: datetime) -> Iterator[Problem]:
    """Not about what it accepts: that is no clear yes, and the file says so itself."""
    if migration.is_over(now):
        yield _at(stream, "migration.until", f"it ended on {migration.until} and has no effect", "take [migration] out")
        return
    already = migration.accept & stream.consent.accept
    if already:
        yield _at(
            stream,
            "migration.accept",
            f"{bases_in_words(already)} is in consent.accept already",
            "keep it in one of them",
        )
    if not stream.hold.ask_again:
        yield _at(
            stream,
            "migration",
            "hold.ask_again is false: who is not asked meanwhile gets nothing when it ends",
            "ask these people by other means, before it ends",
        )
    for expect in stream.expects:
        if expect.reason is Reason.MIGRATION and expect.at is None:
            yield Problem(
                stream.file,
                expect.line,
                "expect.on",
                f"without a day this test fails after {migration.until}",
                f"add on = {migration.until}",
            )


def _message(stream: Stream) -> Iterator[Problem]:
    message = stream.message
    for key, asked, wrong, instead in (
        (
            "existing_list_unsubscribe",
            message.existing_list_unsubscribe is Existing.KEEP,
            "where the mailer sets a link of its own, whoever uses it is not recorded here and gets more mail",
            'write "replace", or bring these withdrawals here: consent-relay consent withdraw',
        ),
        (
            "existing_list_unsubscribe",
            message.existing_list_unsubscribe is Existing.COMBINE,
            "whoever writes to the mailer's address is not recorded here and gets more mail",
            'write "replace", or bring these withdrawals here: consent-relay consent withdraw',
        ),
        (
            "undisclosable",
            message.undisclosable is Fallback.HEADERS_ONLY,
            "signed and encrypted mail leaves without a footer",
            'write "wrap" or "reject"',
        ),
        (
            "amp",
            message.amp is Amp.KEEP and "message.amp" in stream.origins,
            "programs that show AMP show no footer",
            'write "drop", or be sure that the AMP part says it all itself',
        ),
        (
            "precedence",
            message.precedence == "bulk",
            "no standard knows the field, and some programs sort such mail away",
            'write "list", or leave it out',
        ),
        ("unsubscribe_hosts", bool(message.unsubscribe_hosts), "has no effect in this version yet", "leave it out"),
    ):
        if asked:
            yield _at(stream, f"message.{key}", wrong, instead)


def _languages(stream: Stream) -> Iterator[Problem]:
    """A footer in a language, about a purpose in another one."""
    if stream.message.charset is PlainCharset.KEEP and stream.sender is not None:
        shown = {
            "stream.purpose": stream.purpose,
            "stream.audience": stream.audience,
            "sender.name": stream.sender.name,
            "sender.postal_address": stream.sender.postal_address,
        }
        foreign = [key for key, texts in shown.items() if not text_in(texts, DEFAULT_LANGUAGE).isascii()]
        if foreign:
            wrong = f"{' and '.join(foreign)} {'have' if len(foreign) > 1 else 'has'} no plain English text"
            yield _at(
                stream, "message.charset", wrong, "add one, else text in a narrow charset becomes UTF-8 all the same"
            )
    for tag in stream.footers:
        lacking = [
            f"stream.{key}"
            for key, texts in (("purpose", stream.purpose), ("audience", stream.audience))
            if texts and not {tag, tag.partition("-")[0], ""} & set(texts)
        ]
        if lacking:
            wrong = f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no text in {tag}"
            yield _at(stream, f"footer.{tag}", wrong, "add one, else the footer shows another language's")


def _without_effect(stream: Stream) -> Iterator[Problem]:
    """What asks for an edit where nothing is edited."""
    for key in stream.origins:
        table, _, name = key.partition(".")
        if table == "message" and name and name not in _OF_EVERY_KIND:
            yield _at(
                stream, key, f"has no effect: only commercial mail is edited, this is {stream.kind}", "take it out"
            )


def _examples(stream: Stream) -> Iterator[Problem]:
    if stream.sender is None:
        return
    for key, text in (
        ("stream.list_id", stream.list_id),
        ("sender.contact", stream.sender.contact),
        ("sender.privacy_policy", stream.sender.privacy_policy),
        ("sender.stop_address", stream.sender.stop_address),
        ("message.cfbl_address", stream.message.cfbl_address),
    ):
        if _EXAMPLE.search(text):
            yield _at(stream, key, f'"{text}" is still an example', "write your own")
    for key, texts in (("sender.name", stream.sender.name), ("sender.postal_address", stream.sender.postal_address)):
        for text in texts.values():
            if text in _SHIPPED_EXAMPLES:
                yield _at(stream, key, f'"{text}" is still the example', "write your own: it stands below each mail")
                break


def _overlap(one: Stream, other: Stream) -> Iterator[Problem]:
    """Two streams that claim the same mail without asking for a header."""
    for mine, theirs in product(one.matches, other.matches):
        if mine.headers or theirs.headers:
            continue
        shared = _shared(mine, theirs)
        if shared is None:
            continue
        winner = other if other.is_commercial and not one.is_commercial else one
        yield _at(
            other,
            "match",
            f'"{one.id}" claims {shared}, too; without a header such mail belongs to "{winner.id}"',
            "give them different clients or senders, or have the mailer set X-Consent-Stream",
        )
        return


def _shared(one: Match, other: Match) -> str | None:
    """A client and sender pattern that fit both, in words; None when there are none."""
    clients = [name for name in one.clients or ("*",) if _meets(name, other.clients)]
    senders = [
        narrower
        for mine, theirs in product(one.mail_from or ("*",), other.mail_from or ("*",))
        for narrower in (mine, theirs)
        if _covers(theirs if narrower is mine else mine, narrower)
    ]
    if not clients or not senders:
        return None
    return f"mail of {senders[0]} from client {clients[0]}"


def _meets(name: str, others: tuple[str, ...]) -> bool:
    return name == "*" or not others or "*" in others or name in others


def _covers(wide: str, narrow: str) -> bool:
    """Does an address that fits `narrow` fit `wide`, too? Tried with one such address."""
    if "*" in (wide, narrow):
        return wide in ("*", narrow)
    return matches_pattern(wide, _sample(narrow))


def _sample(pattern: str) -> Address | None:
    try:
        return address_from_text(pattern.replace("*", "x"))
    except AddressError:  # "<>"
        return None


def _at(stream: Stream, key: str, wrong: str, instead: str) -> Problem:
    """At the key, or at its table, where the file has one."""
    place = stream.origins.get(key) or stream.origins.get(key.partition(".")[0])
    line = place.line if place is not None and place.file == stream.file else 0
    return Problem(stream.file, line, key, wrong, instead)
