"""The mail that asks one person, from their stream's policy and facts: the two links sealed, the footer's words chosen.

Writes octets and nothing else; who is asked, and when, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from relay.address import Address
from relay.consent.facts import Facts
from relay.message.asking import Asking, asking_mail
from relay.message.asking_wording import ASKING_WORDS
from relay.message.footer import Version
from relay.message.language import choose_language
from relay.message.wording import wording_for
from relay.policy.footers import wordings
from relay.policy.model import Stream
from relay.reason import Reason
from relay.rewriting import footer_facts
from relay.tokens import Claims, Purpose


@dataclass(frozen=True, slots=True)
class AskingMail:
    """seal: the token for a purpose and its claims. public_url: of the recipients' pages, without a slash at its end.
    mail_domain: of the relay's own addresses. one_click: can the mail have a List-Unsubscribe-Post: is the public URL
    https, or only for this machine, and is mail of that domain signed?
    """

    seal: Callable[[Purpose, Claims], str]
    public_url: str
    mail_domain: str
    one_click: bool

    def write(
        self,
        stream: Stream,
        facts: Facts,
        reason: Reason,
        to: Address,
        now: datetime,
        *,
        identifier: str,
        decision_id: str,
    ) -> bytes:
        """reason: the first of the evaluation of these facts. identifier: of the mail's transaction. decision_id: of the
        decision on this mail; its time is where the link's own time starts.

        Raises ValueError for a stream without a sender: it is not commercial.
        """
        person = "" if facts.yes is None else facts.yes.language
        language = choose_language(person, "", stream.message.language, ASKING_WORDS)
        _, wording = wording_for(language, wordings(stream.footers))  # en-GB serves en, too
        claims = Claims(to, stream.id, decision_id)
        asking = Asking(
            version=Version(footer_facts(stream, facts, language), wording, language),
            reason=reason,
            confirm_url=f"{self.public_url}/c/{self.seal(Purpose.CONFIRM, claims)}",
            unsubscribe_url=f"{self.public_url}/u/{self.seal(Purpose.UNSUBSCRIBE, claims)}",
        )
        return asking_mail(
            asking,
            identifier=identifier,
            mail_domain=self.mail_domain,
            to=to,
            at=now,
            one_click=self.one_click,
        )
