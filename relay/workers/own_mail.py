"""The relay's own mail on its way into the queue: a decision and a message, for one step together with what it tells of.

Writes nothing itself and never sees what the mail says. The reverse-path is null, so nothing ever bounces back to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.consent.facts import NOTHING_KNOWN
from relay.decision import Decision, new_id
from relay.envelope import Body, Client, Connection, MailParameters, Recipient, Transaction
from relay.policy import notices
from relay.policy.decide import decide
from relay.queued import NewCopy, NewMessage, Origin, State

#: Stands where a client's name does, in decisions, the log and the Received field.
RELAY: Final = Client("relay")
#: There was no connection: the Received field names none.
NO_CONNECTION: Final = Connection(peer="", helo="", protocol="")


class OwnMail:
    """mail_domain: of the relay's own addresses. randomness: n -> n octets."""

    def __init__(self, *, mail_domain: str, randomness: Callable[[int], bytes]) -> None:
        self.mail_domain = mail_domain
        self._randomness = randomness

    def identifier(self, now: datetime) -> str:
        """For a mail that is to be written: its transaction's id, which stands in its Message-ID, too."""
        return new_id(now, self._randomness(10))

    def mail(
        self,
        identifier: str,
        to: Address,
        content: bytes,
        origin: Origin,
        now: datetime,
        *,
        about: str,
        decision_id: str = "",
        client: Client = RELAY,
    ) -> tuple[Decision, NewMessage]:
        """Both for the same step. content: of `relay.message.notice`, with that identifier. about: the id of what it
        tells of. decision_id: of `identifier`, where the mail itself names it. client: on whose account it is: whose owner
        is told when it cannot be delivered.

        Raises ValueError for an origin that is not the relay's own.
        """
        if origin is Origin.CLIENT:
            raise ValueError("mail of a client is not the relay's own")
        parameters = MailParameters(
            body=Body.SEVEN_BIT if content.isascii() else Body.EIGHT_BIT,
            smtputf8=not to.is_ascii,  # nothing else in such a head is outside ASCII
        )
        tx = Transaction(identifier, now, client, NO_CONNECTION, None, parameters)
        decision = decide(
            tx,
            notices.STREAM,
            to,
            NOTHING_KNOWN,
            now,
            decision_id=decision_id or self.identifier(now),
            after_data=True,
        )
        # RFC 3461 section 4.1: nobody is told of own mail, whatever becomes of it.
        recipient = Recipient(to, notify=("NEVER",))
        copy = NewCopy(decision.id, recipient, State.QUEUED, decision.reason, now)
        return decision, NewMessage(tx, notices.STREAM.id, notices.STREAM.brand, content, (copy,), origin, about)
