from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import NOTHING_KNOWN
from relay.policy.evaluate import evaluate
from relay.policy.model import Stream
from relay.policy.receipt import Consent, Words, receipt

NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
TARO: Final = Address("taro", "example.com")
HASH: Final = "ab" * 32
ULID: Final = "01J0000000000000000000000"

#: Kantara Consent Receipt 1.1.0: mandatory names and their JSON types, from
#: github.com/KantaraInitiative/consent-receipt-v-next, CR_v1_1/kantara-consent-receipt-v1_1-schema.json
KANTARA: Final = {
    "version": str,
    "jurisdiction": str,
    "consentTimestamp": int,
    "collectionMethod": str,
    "consentReceiptID": str,
    "piiPrincipalId": str,
    "piiControllers": list,
    "services": list,
    "policyUrl": str,
    "sensitive": bool,
    "spiCat": list,
}
KANTARA_MAY: Final = {"publicKey": str, "language": str}
CONTROLLER: Final = {"piiController": str, "contact": str, "address": dict, "email": str, "phone": str}
CONTROLLER_MAY: Final = {"onBehalf": bool, "piiControllerUrl": str}
PURPOSE: Final = {
    "consentType": str,
    "purposeCategory": list,
    "piiCategory": list,
    "termination": str,
    "thirdPartyDisclosure": bool,
}
PURPOSE_MAY: Final = {"purpose": str, "primaryPurpose": bool}

#: Fields of ISO/IEC TS 27560:2023 as https://w3id.org/dpv/guides/consent-27560 lists them, mandatory ones first.
HEADER: Final = {"schema_version", "record_id", "pii_principal_id"}
PROCESSING: Final = {"privacy_notice", "language", "purposes"}
OF_PURPOSE: Final = {
    "purpose",
    "pii_information",
    "pii_controllers",
    "storage_locations",
    "retention_period",
    "jurisdiction",
    "recipient_third_parties",
    "withdrawal_method",
}
OF_PURPOSE_MAY: Final = {"purpose_type", "lawful_basis", "collection_method", "service"}
PARTY: Final = {"party_id", "party_address", "party_name", "party_contact", "party_type"}
PARTY_MAY: Final = {"party_email", "party_url", "party_phone", "party_role"}
EVENT: Final = {"event_time", "entity_id", "event_state"}
EVENT_MAY: Final = {"validity_duration", "event_type"}


def event(kind: EventKind, at: datetime, number: int = 0, **more: Any) -> Event:
    return Event(
        **{
            "id": f"{ULID}{number}",
            "kind": kind,
            "address": TARO,
            "brand": "brand",
            "stream": "newsletter",
            "at": at,
            "recorded_at": at,
            "source": "fair in Osaka",
            "recorder": "web",
            **more,
        }
    )


def grant(**more: Any) -> Event:
    values: dict[str, Any] = {
        "basis": Basis.SINGLE_OPT_IN,
        "act": Act.TICKED,
        "evidence": Evidence("https://brand.example/form", HASH, "en", "192.0.2.7", "Firefox"),
    }
    return replace(event(EventKind.GRANT, NOW - timedelta(days=30), **values), **more)


def consent(stream: Stream, *events: Event, **more: Any) -> Consent:
    words = {HASH: Words(HASH, "Send me product news.", NOW - timedelta(days=90), None, has_picture=True)}
    return Consent(stream, TARO, events, evaluate(stream, NOTHING_KNOWN, TARO, NOW), more.pop("words", words), **more)


def made(one: Consent) -> dict[str, Any]:
    found = receipt(one, NOW)
    assert found is not None
    assert json.loads(json.dumps(found)) == found
    return found


def missing(found: dict[str, Any]) -> set[str]:
    return {one["field"] for one in found["missing"]}


def wrong(value: dict[str, Any], must: dict[str, type], may: dict[str, type], place: str) -> Iterator[str]:
    yield from (f"{place}{name}: missing" for name in must if name not in value)
    yield from (f"{place}{name}: unknown" for name in value if name not in must | may)
    kinds = must | may
    yield from (f"{place}{name}: type" for name in value if name in kinds and type(value[name]) is not kinds[name])


def wrong_for_kantara(kantara: dict[str, Any]) -> set[str]:
    found = set(wrong(kantara, KANTARA, KANTARA_MAY, "kantara."))
    for controller in kantara["piiControllers"]:
        found |= set(wrong(controller, CONTROLLER, CONTROLLER_MAY, "kantara.piiControllers."))
    for service in kantara["services"]:
        assert set(service) == {"service", "purposes"}
        for purpose in service["purposes"]:
            found |= set(wrong(purpose, PURPOSE, PURPOSE_MAY, "kantara.services.purposes."))
    return found


@pytest.mark.parametrize("profiles", [("seed",), ("seed", "jp"), ("seed", "eu", "de")])
@pytest.mark.parametrize("contact", ["https://brand.example/contact", "info@brand.example", "+81 3-1234-5678"])
def test_kantaras_schema_lacks_only_what_the_receipt_itself_calls_missing(
    newsletter: Stream, profiles: tuple[str, ...], contact: str
) -> None:
    assert newsletter.sender is not None
    stream = replace(newsletter, profiles=profiles, sender=replace(newsletter.sender, contact=contact))
    found = made(consent(stream, grant()))
    named = {f"{name}: missing" for name in missing(found) if name.startswith("kantara.")}
    assert wrong_for_kantara(found["kantara"]) == named


def test_every_mandatory_field_of_iso_is_there_or_named_as_missing(newsletter: Stream) -> None:
    found = made(consent(newsletter, grant()))
    iso = found["iso"]
    assert set(iso) == {"receipt_metadata", "record_header", "pii_processing", "party_identification", "event"}
    assert set(iso["receipt_metadata"]) == {"schema_version", "receipt_id"}
    assert set(iso["record_header"]) == HEADER
    assert set(iso["pii_processing"]) == PROCESSING
    (purpose,) = iso["pii_processing"]["purposes"]
    lacking = {f"iso.pii_processing.{name}" for name in OF_PURPOSE - set(purpose)}
    assert set(purpose) <= OF_PURPOSE | OF_PURPOSE_MAY
    (party,) = iso["party_identification"]
    assert set(party) <= PARTY | PARTY_MAY
    lacking |= {f"iso.party_identification.{name}" for name in PARTY - set(party)}
    assert lacking == {one for one in missing(found) if one.startswith("iso.")}
    for one in iso["event"]:
        assert EVENT <= set(one) <= EVENT | EVENT_MAY


def test_a_receipt_says_who_agreed_to_what_when_how_and_on_which_words(newsletter: Stream) -> None:
    found = made(consent(replace(newsletter, profiles=("seed", "jp")), grant()))
    assert found["iso"]["record_header"]["pii_principal_id"] == "taro@example.com"
    assert found["iso"]["pii_processing"]["privacy_notice"] == {
        "url": "https://brand.example/privacy",
        "form_url": "https://brand.example/form",
        "wording_hash": HASH,
        "wording": "Send me product news.",
        "shown_from": "2026-03-03T12:00:00+00:00",
        "picture_kept": True,
    }
    (purpose,) = found["iso"]["pii_processing"]["purposes"]
    assert purpose["purpose"] == "Product news"
    assert purpose["collection_method"] == "single-opt-in, ticked a box; source: fair in Osaka"
    assert purpose["retention_period"] == "P1096D"
    assert purpose["jurisdiction"] == "JP"
    assert found["iso"]["event"] == [
        {
            "event_time": "2026-05-02T12:00:00+00:00",
            "validity_duration": "P365D",
            "entity_id": "taro@example.com",
            "event_type": "explicit",
            "event_state": "ConsentGiven",
        }
    ]
    kantara = found["kantara"]
    assert kantara["version"] == "KI-CR-v1.1.0"
    assert kantara["consentTimestamp"] == int((NOW - timedelta(days=30)).timestamp())
    assert kantara["services"][0]["purposes"][0]["consentType"] == "EXPLICIT"


def test_not_refusing_is_no_explicit_consent(newsletter: Stream) -> None:
    for act in (Act.PRETICKED, Act.NOT_UNTICKED, Act.UNKNOWN):
        found = made(consent(newsletter, grant(act=act)))
        assert found["kantara"]["services"][0]["purposes"][0]["consentType"] == "IMPLICIT"
        assert "it counts as assumed" in found["kantara"]["collectionMethod"]
        assert found["iso"]["event"][0]["event_type"] == "implicit"


def test_a_withdrawal_of_another_spelling_stands_on_the_receipt(newsletter: Stream) -> None:
    no = event(EventKind.WITHDRAW, NOW - timedelta(days=1), 1, address=Address("taro+news", "example.com"), stream="")
    found = made(consent(newsletter, grant(), no))
    assert [one["event_state"] for one in found["iso"]["event"]] == ["ConsentGiven", "ConsentWithdrawn"]
    assert "validity_duration" not in found["iso"]["event"][1]


def test_what_is_about_other_streams_brands_or_spellings_stays_out(newsletter: Stream) -> None:
    others = (
        event(EventKind.WITHDRAW, NOW - timedelta(days=1), 1, stream="offers"),
        event(EventKind.WITHDRAW, NOW - timedelta(days=1), 2, brand="other", stream=""),
        event(EventKind.REQUEST, NOW - timedelta(days=1), 3, address=Address("TARO", "example.com")),
        event(EventKind.UNDELIVERABLE, NOW - timedelta(days=1), 4),
    )
    found = made(consent(newsletter, grant(), *others))
    assert len(found["iso"]["event"]) == 1


def test_another_spellings_yes_is_no_receipt_for_this_address(newsletter: Stream) -> None:
    assert receipt(consent(newsletter, grant(address=Address("Taro", "example.com"))), NOW) is None
    assert receipt(consent(newsletter), NOW) is None


def test_a_real_yes_has_the_receipt_not_a_later_assumption(newsletter: Stream) -> None:
    assumed = event(EventKind.GRANT, NOW - timedelta(days=2), 5, basis=Basis.CUSTOMER)
    found = made(consent(newsletter, grant(), assumed))
    assert found["iso"]["record_header"]["record_id"] == f"{ULID}0"
    assert len(found["iso"]["event"]) == 2


def test_what_is_not_known_is_called_missing_and_not_filled_in(newsletter: Stream) -> None:
    found = made(consent(newsletter, grant(at=None, evidence=Evidence()), words={}))
    assert {
        "iso.event.event_time",
        "iso.party_identification.party_type",
        "iso.pii_processing.jurisdiction",
        "iso.pii_processing.privacy_notice.wording",
        "iso.pii_processing.recipient_third_parties",
        "iso.pii_processing.storage_locations",
        "kantara.jurisdiction",
        "kantara.piiControllers.email",
        "kantara.piiControllers.phone",
        "kantara.sensitive",
        "kantara.services.purposes.thirdPartyDisclosure",
        "kantara.spiCat",
    } == missing(found)
    assert "sensitive" not in found["kantara"]
    assert '""' not in json.dumps(found)


def test_a_receipt_is_another_one_once_something_has_happened(newsletter: Stream) -> None:
    first = made(consent(newsletter, grant()))
    again = made(consent(newsletter, grant()))
    later = made(consent(newsletter, grant(), event(EventKind.WITHDRAW, NOW, 1)))
    assert first == again
    names = [one["iso"]["receipt_metadata"]["receipt_id"] for one in (first, later)]
    assert names[0] != names[1]
    assert first["iso"]["record_header"] == later["iso"]["record_header"]


def keys_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def test_every_field_of_a_receipt_is_in_its_manual(newsletter: Stream) -> None:
    assert newsletter.sender is not None
    manual = (Path(__file__).parents[2] / "deploy" / "receipts.md").read_text("utf-8")
    named: set[str] = set()
    for contact in ("https://brand.example/contact", "info@brand.example", "+81 3-1234-5678"):
        stream = replace(newsletter, profiles=("seed", "jp"), sender=replace(newsletter.sender, contact=contact))
        found = made(consent(stream, grant()))
        named |= {*keys_of(found["iso"]), *keys_of(found["kantara"])}
        named |= {name.rpartition(".")[2] for name in missing(found)}
    assert sorted(name for name in named if not re.search(rf"\b{name}\b", manual)) == []


def test_the_sender_is_named_in_the_language_of_the_consent_in_both_standards(newsletter: Stream) -> None:
    assert newsletter.sender is not None
    sender = replace(newsletter.sender, name={"ja": "ブランド株式会社", "en": "Brand K.K."})
    for language, name in (("en", "Brand K.K."), ("ja", "ブランド株式会社")):
        evidence = Evidence("https://brand.example/form", HASH, language, "", "")
        found = made(consent(replace(newsletter, sender=sender), grant(evidence=evidence)))
        assert found["iso"]["party_identification"][0]["party_name"] == name
        assert found["kantara"]["piiControllers"][0]["piiController"] == name
