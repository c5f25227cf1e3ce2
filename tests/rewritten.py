"""A message rewritten for one reader, as the relay does it, and what the judge may expect of the copy.

The one place where tests of whole messages call the product's rewriting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from judge.verdict import Promise

from relay.message.compose import Common, Personal, Shown, Undisclosable, copy_for, prepare
from relay.message.dkim import KeyType, Signer, generate, load_key, signed
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import index
from relay.message.rules import Amp, Existing, Rules
from relay.message.wording import wording_for

#: With a token such as the relay seals; nothing opens it.
LINK: Final = (
    "https://mail.brand.example/u/000001w-5QDhS6mZHuDJqYRFCQPbJjO6nLWn49X9JOR57HePuqiK8Usilci_slBw6koKj1"
    "UNzQQQSuKF1be3X6n5lD85yKhPGhVYUyrAeotNOHsggTgT8RkCyQ1Rn-YouvFIVj"
)
NOW: Final = datetime(2024, 6, 1, tzinfo=UTC)
COMMON: Final = Common(
    received=b"Received: from mailer.brand.example ([192.0.2.7])\r\n\tby relay.brand.example (consent-relay) with ESMTP"
    b"\r\n\tid 01HZ8000000000000000000000;\r\n\tSat, 01 Jun 2024 00:00:00 +0000\r\n",
    date=b"Date: Sat, 01 Jun 2024 00:00:00 +0000\r\n",
    message_id=b"Message-ID: <01HZ8000000000000000000000@relay.brand.example>\r\n",
)
FACTS: Final = {
    "ja": FooterFacts(
        sender="株式会社ブランド",
        postal_address="〒100-0001 東京都千代田区千代田1-1",
        contact="https://brand.example/contact",
        privacy_policy="https://brand.example/privacy",
        purpose="新商品のお知らせ",
        audience="会員の方",
        consented_on=date(2024, 5, 1),
        source="https://brand.example/join",
    ),
    "en": FooterFacts(
        sender="Brand K.K.",
        postal_address="1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan",
        contact="care@brand.example",
        privacy_policy="https://brand.example/privacy",
        purpose="Product news",
        audience="members",
        consented_on=date(2024, 5, 1),
        source="https://brand.example/join",
    ),
}
COMMERCIAL: Final = Rules(commercial=True, stream="newsletter", brand="brand", list_id="newsletter.brand.example")
SIGNERS: Final = (Signer("brand.example", "s1", load_key(generate(KeyType.ED25519))),)


@dataclass(frozen=True, slots=True)
class Copy:
    """content: None where the message was refused. why: why its text does not carry the footer, "" when it does.

    promise: for the judge.
    """

    content: bytes | None
    why: str
    promise: Promise


def rewritten(
    content: bytes,
    language: str = "en",
    rules: Rules = COMMERCIAL,
    *,
    link: str = LINK,
    facts: FooterFacts | None = None,
    one_click: bool = True,
    sign: bool = False,
) -> Copy:
    """language: of the words and of the reader."""
    facts = facts or FACTS[language]
    prepared = prepare(index(content), COMMON, rules)
    disclosure = Disclosure(_versions(language, facts), link)
    personal = Personal(unsubscribe_url=link, one_click=one_click, disclosure=disclosure)
    result = copy_for(prepared, personal if rules.commercial else None)
    promise = Promise(
        link,
        commercial=rules.commercial,
        footer=not isinstance(result, Undisclosable) and result.shown is not Shown.NONE,
        values={
            "unsubscribe_url": link,
            "sender": facts.sender,
            "postal_address": facts.postal_address,
            "contact": facts.contact,
            "privacy_policy": facts.privacy_policy,
            "purpose": facts.purpose,
            "audience": facts.audience,
            "consent_source": facts.source,
        },
        own_list_fields=rules.existing is Existing.KEEP and not _has_our_link(content, link),
        amp_dropped=rules.amp is Amp.DROP,
        signed=sign,
    )
    if isinstance(result, Undisclosable):
        return Copy(None, result.why, promise)
    content = signed(result.content, SIGNERS, NOW) if sign else result.content
    return Copy(content, result.why or prepared.without_footer, promise)


def _has_our_link(content: bytes, link: str) -> bool:
    """A copy that comes back: its List-Unsubscribe is not the mailer's."""
    return f"List-Unsubscribe: <{link}>".encode() in content.partition(b"\r\n\r\n")[0]


def _versions(language: str, facts: FooterFacts) -> tuple[Version, ...]:
    """In the reader's language, and in English for what cannot hold it."""
    spoken, wording = wording_for(language, {})
    wanted = Version(facts, wording, spoken)
    return (wanted,) if spoken == "en" else (wanted, Version(FACTS["en"], wording_for("en", {})[1], "en"))
