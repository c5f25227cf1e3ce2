from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import timedelta

import pytest

from relay.consent.retention import Retention
from relay.message.rules import Amp, Existing, Fallback, OldSignatures, PlainCharset
from relay.policy.format import MessageTable
from relay.policy.model import Expired, MessageRules, Mode, Policies
from relay.reason import MEANINGS, Reason, Verdict

Load = Callable[..., Policies]
#: Every key of [message] with a value that is not its default.
OTHER_WISHES = {
    "existing_list_unsubscribe": "keep",
    "unsubscribe_hosts": ["lists.example"],
    "undisclosable": "wrap",
    "amp": "drop",
    "charset": "keep",
    "old_signatures": "keep",
    "language": "en",
    "timezone": "Asia/Tokyo",
    "feedback_id": "flowers",
    "cfbl_address": "fbl@brand.example",
    "precedence": "list",
    "auto_submitted": True,
    "refused_after_data": "log",
}


def test_every_default_is_filled_in(load: Load, newsletter_text: str) -> None:
    stream = load(newsletter=newsletter_text).by_id["newsletter"]

    assert stream.mode is Mode.ENFORCE
    assert stream.verdicts == {reason: meaning.default for reason, meaning in MEANINGS.items()}
    assert stream.consent.freshness.stale_after == timedelta(days=365)
    assert stream.hold.longest == timedelta(days=14)
    assert stream.message.undisclosable is Fallback.REJECT
    assert stream.message.language == "ja"
    assert stream.profiles == ("seed",)


def test_who_is_told_of_mail_held_until_its_end_is_the_policys_choice(load: Load, newsletter_text: str) -> None:
    assert load(newsletter=newsletter_text).streams[0].hold.expired is Expired.REPORT
    text = newsletter_text + '[hold]\nexpired = "dsn"\n'
    assert load(newsletter=text).streams[0].hold.expired is Expired.DSN


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


def test_every_wish_about_the_message_arrives_as_it_was_written(load: Load, newsletter_text: str) -> None:
    text = newsletter_text + "[message]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in OTHER_WISHES.items())
    found = load(newsletter=text).streams[0].message

    assert asdict(found) == {**OTHER_WISHES, "unsubscribe_hosts": ("lists.example",)}
    assert {type(getattr(found, key)) for key in OTHER_WISHES} >= {Existing, Fallback, Amp, PlainCharset, OldSignatures}
    assert set(OTHER_WISHES) == set(MessageTable.model_fields) == {field.name for field in fields(MessageRules)}


def test_the_defaults_of_the_message_written_out_mean_the_same(load: Load, newsletter_text: str) -> None:
    plain = load(newsletter=newsletter_text)
    values = asdict(plain.streams[0].message)
    values.pop("unsubscribe_hosts")  # a list of none cannot be written
    text = newsletter_text + "[message]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())

    assert load(newsletter=text).hash == plain.hash


def test_a_law_drops_the_part_that_shows_no_footer_unless_the_policy_keeps_it(load: Load, newsletter_text: str) -> None:
    lawful = newsletter_text.replace('kind = "commercial"', 'kind = "commercial"\nprofiles = ["jp"]')

    dropped = load(newsletter=lawful).streams[0]
    assert dropped.message.amp is Amp.DROP
    assert "profile jp" in str(dropped.origin("message.amp"))
    assert load(newsletter=lawful + '[message]\namp = "keep"\n').streams[0].message.amp is Amp.KEEP


def test_a_place_to_stop_is_part_of_who_speaks(load: Load, newsletter_text: str) -> None:
    text = newsletter_text.replace("[[match]]", 'stop_address = "Stop@Brand.example"\n[[match]]')
    first, second = load(newsletter=newsletter_text), load(newsletter=text)

    assert first.streams[0].sender is not None
    assert second.streams[0].sender is not None
    assert (first.streams[0].sender.stop_address, second.streams[0].sender.stop_address) == ("", "Stop@brand.example")
    assert first.hash != second.hash


@pytest.mark.parametrize(
    "more",
    [
        '[verdict]\nstale = "defer"\n',
        '[consent]\nstale_after = "364d"\n',
        '[consent]\nask_before = "31d"\n',
        '[consent]\ninquiry_within = "181d"\n',
        '[retention]\nevidence = "2000d"\n',
        '[retention]\ntechnical = "30d"\n',
        '[migration]\naccept = ["assumed"]\nuntil = 2026-07-01\n',
        '[[internal]]\naddress = "*@brand.example"\n',
        *(f"[message]\n{key} = {json.dumps(value)}\n" for key, value in OTHER_WISHES.items()),
    ],
)
def test_whatever_changes_a_decision_changes_the_hash(load: Load, newsletter_text: str, more: str) -> None:
    first = load(newsletter=newsletter_text)
    second = load(newsletter=newsletter_text + more)

    assert first.hash != second.hash
    assert first.streams[0].hash != second.streams[0].hash
    assert len(second.hash) == 64


def test_every_word_of_a_migration_changes_the_hash(load: Load, newsletter_text: str) -> None:
    texts = [
        f'[migration]\naccept = ["{basis}"]\nuntil = 2026-07-0{day}\n{more}'
        for basis, day, more in (
            ("assumed", 1, ""),
            ("customer", 1, ""),
            ("assumed", 2, ""),
            ("assumed", 1, "said_before = 2026-05-01\n"),
            ("assumed", 1, '[message]\ntimezone = "Asia/Tokyo"\n'),
        )
    ]
    policies = [load(newsletter=newsletter_text + text).streams[0] for text in texts]

    assert len({stream.hash for stream in policies}) == len(texts)
    moments = [stream.migration.ends_at for stream in policies if stream.migration]
    assert moments[0].isoformat() == "2026-07-02T00:00:00+00:00"
    assert moments[4].isoformat() == "2026-07-01T15:00:00+00:00"


def test_a_day_may_stand_in_quotes(load: Load, newsletter_text: str) -> None:
    with_quotes, without = (
        load(newsletter=f'{newsletter_text}[migration]\naccept = ["assumed"]\nuntil = {day}\n').hash
        for day in ('"2026-07-01"', "2026-07-01")
    )

    assert with_quotes == without


def test_the_retention_of_the_file_is_that_of_the_stream(load: Load, newsletter_text: str, receipts_text: str) -> None:
    never = '[retention]\nevidence = "never"\ntechnical = "30d"\n'
    policies = load(newsletter=newsletter_text, receipts=receipts_text + never)

    assert policies.by_id["newsletter"].retention == Retention(timedelta(days=1096), timedelta(days=365))
    assert policies.by_id["receipts"].retention == Retention(None, timedelta(days=30))
