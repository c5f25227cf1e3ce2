"""One consent as a receipt: the fields of ISO/IEC TS 27560:2023 and of Kantara's Consent Receipt 1.1.0, from the events,
their evidence and the policy. Pure.

Nothing is invented: what neither the ledger nor the policy knows is left out and named under `missing`, with what the
operator would have to say. Every field, where it comes from and the public sources of the names: deploy/receipts.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.fold import basis_and_act, said_at
from relay.policy.evaluate import Evaluation
from relay.policy.model import Stream, text_in

ISO: Final = "ISO/IEC TS 27560:2023"
KANTARA: Final = "KI-CR-v1.1.0"

#: Profiles that stand for the law of a place; "seed" is nobody's law.
_PLACES: Final = {"jp": "JP", "us": "US", "ca": "CA", "eu": "EU", "de": "DE", "au": "AU"}
#: States of consent as the Data Privacy Vocabulary names them (https://w3id.org/dpv#ConsentStatus).
_STATES: Final = {
    EventKind.REQUEST: "ConsentRequested",
    EventKind.GRANT: "ConsentGiven",
    EventKind.CONFIRM: "ConsentGiven",
    EventKind.RENEW: "RenewedConsentGiven",
    EventKind.WITHDRAW: "ConsentWithdrawn",
    EventKind.COMPLAIN: "ConsentWithdrawn",
}
#: What the person did, as a sentence about how the consent came.
_ACTS: Final = {
    Act.TICKED: "ticked a box",
    Act.CLICKED: "clicked a link",
    Act.TYPED: "typed it",
    Act.SIGNED: "signed",
    Act.PRETICKED: "left a box that was ticked in advance",
    Act.NOT_UNTICKED: "did not untick a box",
    Act.UNKNOWN: "act not recorded",
}
_MAIL: Final = re.compile(r"[^\s/@]+@[^\s/@]+")
_TELEPHONE: Final = re.compile(r"\+?[0-9 ()./-]{5,}")

#: What neither ledger nor policy can know. Both lists of fields have them as mandatory.
_UNKNOWN: Final = {
    "iso.pii_processing.storage_locations": "where the operator keeps the data is not in the policy",
    "iso.party_identification.party_type": "what else the sender is to the data, besides its controller, is not in the policy",
    "iso.pii_processing.recipient_third_parties": "whom else the operator gives the address to is not in the policy",
    "kantara.services.purposes.thirdPartyDisclosure": "whom else the operator gives the address to is not in the policy",
    "kantara.sensitive": "whether the purpose tells something sensitive about the person is not in the policy",
    "kantara.spiCat": "whether the purpose tells something sensitive about the person is not in the policy",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The words that were agreed to. text: "" when only the hash is known. The times may be unknown."""

    hash: str
    text: str = ""
    shown_from: datetime | None = None
    shown_until: datetime | None = None
    has_picture: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """What a receipt is made of. events: all of the person, under whatever spelling. words: by their hash."""

    stream: Stream
    address: Address
    events: Sequence[Event]
    standing: Evaluation
    words: Mapping[str, Words]


def yes_of(consent: Consent) -> Event | None:
    """The yes that the receipt is for: this address's newest for this stream, by an active act where there is one."""
    own = [one for one in consent.events if one.address == consent.address and one.stream == consent.stream.id]
    yeses = [one for one in own if one.says_yes]
    active = [one for one in yeses if basis_and_act(one)[1].is_active]
    return max(active or yeses, key=said_at, default=None)


def receipt(consent: Consent, now: datetime) -> dict[str, Any] | None:
    """Ready for JSON; None when no yes of this address for this stream is recorded. now: aware UTC."""
    yes = yes_of(consent)
    if yes is None:
        return None
    about = [one for one in consent.events if one.kind in _STATES and _is_about(one, consent)]
    identity = f"{yes.id}-{len(about)}"
    missing = dict(_missing(consent, yes))
    return {
        "iso": _iso(consent, yes, about, identity),
        "kantara": _kantara(consent, yes, identity),
        "standing": {
            "at": now.isoformat(),
            "status": consent.standing.status,
            "verdict": consent.standing.verdict,
            "reasons": list(consent.standing.reasons),
            "policy": consent.stream.hash,
        },
        "missing": [{"field": name, "why": why} for name, why in sorted(missing.items())],
    }


def _is_about(event: Event, consent: Consent) -> bool:
    """A yes of exactly this address; a no of any spelling that covers the stream (law 2)."""
    stream = consent.stream
    if event.says_yes or event.kind is EventKind.REQUEST:
        return event.address == consent.address and event.stream == stream.id
    if event.kind is EventKind.WITHDRAW and event.stream:
        return event.stream == stream.id
    return event.brand in ("", stream.brand)


def _iso(consent: Consent, yes: Event, about: Sequence[Event], identity: str) -> dict[str, Any]:
    """Sections as in ISO/IEC TS 27560:2023, 6.3 and 6.4."""
    person = str(consent.address)
    return {
        "receipt_metadata": {"schema_version": ISO, "receipt_id": identity},
        "record_header": {"schema_version": ISO, "record_id": yes.id, "pii_principal_id": person},
        "pii_processing": _processing(consent, yes),
        "party_identification": _parties(consent, yes),
        "event": [_event(consent, one) for one in sorted(about, key=lambda one: (one.acted_at, one.id))],
    }


def _processing(consent: Consent, yes: Event) -> dict[str, Any]:
    stream, evidence = consent.stream, yes.evidence
    language = _language(consent, yes)
    words = consent.words.get(evidence.wording) if evidence.wording else None
    sender = stream.sender
    return _known(
        privacy_notice=_known(
            url=sender.privacy_policy if sender else "",
            form_url=evidence.form_url,
            wording_hash=evidence.wording,
            wording=words.text if words else "",
            shown_from=_iso_time(words.shown_from) if words else "",
            shown_until=_iso_time(words.shown_until) if words else "",
            picture_kept=True if words and words.has_picture else None,
        ),
        language=language,
        purposes=[
            _known(
                purpose=text_in(stream.purpose, language),
                purpose_type="Marketing",
                lawful_basis="consent" if yes.basis not in _IMPLIED else f"implied consent: {yes.basis}",
                pii_information=[_known(pii_type=kind) for kind in _kinds_of_data(yes)],
                pii_controllers=[_controller_id(consent)],
                collection_method=_collection(yes),
                retention_period=_duration(stream.retention.evidence) or "without limit",
                service=stream.id,
                jurisdiction=_jurisdiction(stream),
                withdrawal_method=_withdrawal(stream),
            )
        ],
    )


def _parties(consent: Consent, yes: Event) -> list[dict[str, Any]]:
    sender = consent.stream.sender
    if sender is None:
        return [{"party_id": _controller_id(consent), "party_role": "PII controller"}]
    language = _language(consent, yes)
    mail, telephone, url = _ways(sender.contact)
    return [
        _known(
            party_id=_controller_id(consent),
            party_name=text_in(sender.name, language),
            party_address=text_in(sender.postal_address, language),
            party_contact=sender.contact,
            party_email=mail or sender.stop_address,
            party_phone=telephone,
            party_url=url,
            party_role="PII controller",
        )
    ]


def _event(consent: Consent, event: Event) -> dict[str, Any]:
    """A no has no validity, a yes is valid as long as somebody hears from the sender."""
    period = consent.stream.consent.freshness.stale_after if event.says_yes else None
    return _known(
        event_time=event.acted_at.isoformat(),
        validity_duration=_duration(period),
        entity_id=str(event.address),
        event_type=_consent_type(event).lower() if event.says_yes else "",
        event_state=_STATES[event.kind],
    )


def _kantara(consent: Consent, yes: Event, identity: str) -> dict[str, Any]:
    """Names and types as in Kantara's JSON schema of version 1.1.0."""
    stream, sender = consent.stream, consent.stream.sender
    language = _language(consent, yes)
    mail, telephone, url = _ways(sender.contact if sender else "")
    controller = _known(
        piiController=text_in(sender.name, language) if sender else "",
        contact=sender.contact if sender else "",
        address=_known(streetAddress=text_in(sender.postal_address, language) if sender else ""),
        email=mail or (sender.stop_address if sender else ""),
        phone=telephone,
        piiControllerUrl=url,
    )
    purpose = _known(
        purpose=text_in(stream.purpose, language),
        consentType=_consent_type(yes),
        purposeCategory=["6 - Marketing"],
        piiCategory=["2 - Contact"],
        termination=_termination(stream),
    )
    return _known(
        version=KANTARA,
        jurisdiction=_jurisdiction(stream),
        consentTimestamp=int(said_at(yes).timestamp()),
        collectionMethod=_collection(yes),
        consentReceiptID=identity,
        language=language,
        piiPrincipalId=str(consent.address),
        piiControllers=[controller],
        policyUrl=sender.privacy_policy if sender else "",
        services=[{"service": stream.id, "purposes": [purpose]}],
    )


#: Bases that are no act of consent but let mail pass where a law says so.
_IMPLIED: Final = frozenset({Basis.CUSTOMER, Basis.INQUIRY, Basis.PUBLISHED, Basis.ASSUMED})


def _consent_type(yes: Event) -> str:
    return "EXPLICIT" if basis_and_act(yes)[0] not in _IMPLIED else "IMPLICIT"


def _missing(consent: Consent, yes: Event) -> Iterator[tuple[str, str]]:
    stream, sender = consent.stream, consent.stream.sender
    yield from _UNKNOWN.items()
    mail, telephone, _ = _ways(sender.contact if sender else "")
    if not mail and not (sender and sender.stop_address):
        yield "kantara.piiControllers.email", "[sender] contact is no mail address, and there is no stop_address"
    if not telephone:
        yield "kantara.piiControllers.phone", "[sender] contact is no telephone number"
    if not _jurisdiction(stream):
        why = "the policy names no profile of a place's law"
        yield "iso.pii_processing.jurisdiction", why
        yield "kantara.jurisdiction", why
    if not yes.evidence.wording:
        yield "iso.pii_processing.privacy_notice.wording", "the words that were agreed to were not recorded"
    elif not (yes.evidence.wording in consent.words and consent.words[yes.evidence.wording].text):
        yield "iso.pii_processing.privacy_notice.wording", "only the hash of the words is kept"
    if yes.at is None:
        yield "iso.event.event_time", "the time of the act is not known; the time of its recording stands for it"


def _kinds_of_data(yes: Event) -> Iterator[str]:
    yield "mail address"
    if yes.evidence.ip:
        yield "IP address at the time of the consent"
    if yes.evidence.user_agent:
        yield "browser at the time of the consent"


def _collection(yes: Event) -> str:
    basis, act = basis_and_act(yes)
    declared = yes.basis or basis
    words = f"{declared}, {_ACTS[act]}"
    if basis is not declared:
        words += "; no active act, so it counts as assumed"
    if yes.confirmed_at is not None:
        words += f"; confirmed by a click {_iso_time(yes.confirmed_at)}"
    if yes.source:
        words += f"; source: {yes.source}"
    return words


def _withdrawal(stream: Stream) -> str:
    ways = ["the one-click link in every mail"]
    if stream.sender is not None and stream.sender.stop_address:
        ways.append(f"mail to {stream.sender.stop_address}")
    if stream.sender is not None:
        ways.append(f"contact: {stream.sender.contact}")
    return "; ".join(ways)


def _termination(stream: Stream) -> str:
    period = stream.consent.freshness.stale_after
    ends = "until it is withdrawn"
    return ends if period is None else f"{ends}; asked again after {period.days} days without any mail"


def _language(consent: Consent, yes: Event) -> str:
    return yes.evidence.language or consent.stream.message.language


def _jurisdiction(stream: Stream) -> str:
    return ", ".join(_PLACES[name] for name in stream.profiles if name in _PLACES)


def _controller_id(consent: Consent) -> str:
    return consent.stream.brand


def _ways(contact: str) -> tuple[str, str, str]:
    """Mail address, telephone number and URL among what the policy names as contact; "" for what it is not."""
    if _MAIL.fullmatch(contact):
        return contact, "", ""
    if contact.startswith(("http://", "https://")):
        return "", "", contact
    return "", contact if _TELEPHONE.fullmatch(contact) else "", ""


def _duration(period: timedelta | None) -> str:
    """ISO 8601; "" for none."""
    if period is None:
        return ""
    return f"P{period.days}D" if not period.seconds else f"PT{int(period.total_seconds())}S"


def _iso_time(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def _known(**fields: Any) -> dict[str, Any]:
    """Without the fields that nobody knows."""
    return {name: value for name, value in fields.items() if value not in ("", None, [], {})}
