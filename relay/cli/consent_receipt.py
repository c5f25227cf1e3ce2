"""`consent-relay consent show --receipt`: one consent as JSON, with the field names of the two public standards."""

from __future__ import annotations

import json

from relay.cli import CommandError
from relay.cli.consent_screen import Person
from relay.cli.consent_words import Standing
from relay.policy.receipt import Consent, Words, receipt, yes_of


def run(person: Person) -> int:
    """Of the one stream that the person agreed to, or the one that was named. Raises CommandError."""
    consents = [consent for one in person.standings if (consent := _consent(person, one)) is not None]
    agreed = [one for one in consents if one.stream.is_commercial and yes_of(one) is not None]
    if not agreed:
        raise CommandError(f"no yes of exactly {person.address} is recorded, so there is nothing to give a receipt for")
    if len(agreed) > 1:
        names = ", ".join(one.stream.id for one in agreed)
        raise CommandError(f"there are several consents; say which with --stream: {names}", exit_code=2)
    print(json.dumps(receipt(agreed[0], person.now), indent=2, ensure_ascii=False))
    return 0


def _consent(person: Person, standing: Standing) -> Consent | None:
    """None where no policy has the stream any more: nobody knows its purpose, nor who the sender was."""
    if standing.policy is None or standing.evaluation is None:
        return None
    words = {
        one.hash: Words(one.hash, one.text, one.shown_from, one.shown_until, has_picture=bool(one.picture_type))
        for one in person.wordings.values()
    }
    return Consent(standing.policy, person.address, person.events, standing.evaluation, words)
