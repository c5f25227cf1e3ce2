"""What a person is told beside the data: who is responsible, who has received it, how long it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cli.shop import Shop
from cli.subjects import ANN
from store.samples import NOW

from relay.address import address_from_text
from relay.cli.consent_subject import Held
from relay.cli.subject_notice import controllers, kept, passed_on_to
from relay.config.load import load_settings
from relay.config.settings import Retention as Kept
from relay.config.settings import Settings
from relay.consent.retention import Retention
from relay.decision import Outcome, Result
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reply import Reply
from relay.store.spellings import Contact

PERSON = address_from_text(ANN)


@pytest.fixture
def settings(shop: Shop) -> Settings:
    return load_settings(None, {})


@pytest.fixture
def stream(settings: Settings) -> Stream:
    return load_policies(settings.policies).by_id["newsletter"]


def held(**more: object) -> Held:
    nothing = dict.fromkeys(
        ("events", "standings", "contacts", "failures", "decisions", "sent", "wordings", "waiting", "not_sent"), ()
    )
    return Held(**{"asked": PERSON, "spellings": (PERSON,), "erased_at": None, "outcomes": {}, **nothing, **more})  # type: ignore[arg-type]


def test_it_says_who_is_responsible_what_for_who_received_it_and_how_long_it_is_kept(known: Shop) -> None:
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert [one["contact"] for one in found["controllers"]]
    assert [one["stream"] for one in found["purposes"]] == ["newsletter"]
    assert found["purposes"][0]["purpose"]
    assert found["passed_on_to"] == ["the mail server 127.0.0.1:25, which carries mail to you"]
    kept = "\n".join(found["kept"])
    assert "what was decided on mail to you: 90 days, so" in kept
    assert "newsletter: when, where and to what you agreed: while it holds" in kept


def test_who_received_the_address_is_who_took_mail_to_it(settings: Settings) -> None:
    outcomes = [
        Outcome("D1", NOW, Result.DELIVERED, Reply(250, "2.0.0", "ok"), hop)
        for hop in ("b.example:25", "a.example:25", "b.example:25", "")
    ]
    assert passed_on_to(held(outcomes={"D1": outcomes}), settings) == [
        "the mail server a.example:25, which carries mail to you",
        "the mail server b.example:25, which carries mail to you",
    ]


def test_where_the_attempts_are_forgotten_the_next_hop_of_today_has_to_do(settings: Settings) -> None:
    mailed = held(contacts=(Contact("newsletter", ANN, NOW),))
    assert passed_on_to(mailed, settings) == [
        "the mail server 127.0.0.1:25, which carries mail to you (as configured today)"
    ]


def test_who_never_got_mail_was_passed_on_to_nobody(settings: Settings) -> None:
    assert passed_on_to(held(), settings) == ["nobody, as far as is still recorded"]


def test_periods_are_told_in_words_that_need_no_policy_file(settings: Settings, stream: Stream) -> None:
    forgets = replace(settings, retention=Kept(timedelta(days=1)))
    of_stream = replace(stream, retention=Retention(None, timedelta(hours=36)))
    decided, evidence, technical, no = kept([of_stream], forgets)
    assert decided.startswith("what was decided on mail to you: 1 day, so")
    assert "without a limit after the last mail" in evidence
    assert "IP address and browser: 36h, as part" in technical
    assert no.startswith("that you want no mail: for ever")


def test_a_brand_is_responsible_once_for_all_its_streams(stream: Stream) -> None:
    (one,) = controllers([stream, replace(stream, id="offers"), replace(stream, id="own", brand="b", sender=None)])
    assert one["brand"] == stream.brand
    assert one["privacy_policy"].startswith("https://")
