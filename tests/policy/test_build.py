from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from relay.message.rules import Fallback
from relay.policy.model import Mode, Policies
from relay.reason import MEANINGS, Reason, Verdict

Load = Callable[..., Policies]


def test_every_default_is_filled_in(load: Load, newsletter_text: str) -> None:
    stream = load(newsletter=newsletter_text).by_id["newsletter"]

    assert stream.mode is Mode.ENFORCE
    assert stream.verdicts == {reason: meaning.default for reason, meaning in MEANINGS.items()}
    assert stream.consent.freshness.stale_after == timedelta(days=365)
    assert stream.hold.longest == timedelta(days=14)
    assert stream.message.undisclosable is Fallback.REJECT
    assert stream.message.language == "ja"
    assert stream.profiles == ("seed",)


def test_never_switches_a_rule_off(load: Load, newsletter_text: str) -> None:
    text = newsletter_text + '[consent]\nstale_after = "never"\nrenew_every = "30d"\n'
    rules = load(newsletter=text).streams[0].consent

    assert rules.freshness.stale_after is None
    assert rules.freshness.renew_every == timedelta(days=30)


def test_a_verdict_of_the_file_replaces_its_default_only(load: Load, newsletter_text: str) -> None:
    verdicts = load(newsletter=newsletter_text + '[verdict]\nstale = "defer"\n').streams[0].verdicts

    assert verdicts[Reason.STALE] is Verdict.DEFER
    assert verdicts[Reason.RENEWAL_DUE] is Verdict.HOLD


def test_a_text_without_languages_is_for_any(load: Load, newsletter_text: str) -> None:
    stream = load(newsletter=newsletter_text).streams[0]

    assert stream.sender is not None
    assert stream.sender.name == {"": "Brand K.K."}
    assert stream.purpose["en"] == "Product news"


def test_each_value_knows_where_it_was_written(load: Load, newsletter_text: str) -> None:
    stream = load(newsletter=newsletter_text + '[consent]\nconfirm_within = "2d"\n').streams[0]

    assert str(stream.origin("consent.confirm_within")) == f"{stream.file}:21"
    assert str(stream.origin("match")) == f"{stream.file}:17"
    assert "profile seed" in str(stream.origin("consent.stale_after"))
    assert str(stream.origin("hold.for")) == "default"


def test_the_hash_is_of_the_meaning_not_of_the_layout(load: Load, newsletter_text: str) -> None:
    first = load(newsletter=newsletter_text)
    same = newsletter_text.replace(
        'ja = "新商品のお知らせ", en = "Product news"', 'en = "Product news", ja = "新商品のお知らせ"'
    )
    same = "# a comment\n" + same + '\n[message]\nlanguage = "ja"\n\n[consent]\nstale_after = "8760h"\n'
    same += '[[expect]]\ngiven = {}\nverdict = "reject"\n'

    assert load(newsletter=same).hash == first.hash


@pytest.mark.parametrize(
    "more",
    [
        '[verdict]\nstale = "defer"\n',
        '[consent]\nstale_after = "364d"\n',
        '[[internal]]\naddress = "*@brand.example"\n',
    ],
)
def test_whatever_changes_a_decision_changes_the_hash(load: Load, newsletter_text: str, more: str) -> None:
    first = load(newsletter=newsletter_text)
    second = load(newsletter=newsletter_text + more)

    assert first.hash != second.hash
    assert first.streams[0].hash != second.streams[0].hash
    assert len(second.hash) == 64
