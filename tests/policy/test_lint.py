from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.message.wording import WORDINGS
from relay.policy.lint import lint
from relay.policy.model import Policies

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Load = Callable[..., Policies]
EXPECT = '[[expect]]\ngiven = {}\nverdict = "reject"\n'


@pytest.fixture
def sound(newsletter_text: str) -> str:
    """A policy that gives no cause for remarks."""
    text = newsletter_text.replace("brand.example", "brand-kk.jp").replace("Brand K.K.", "Flowers K.K.")
    return text.replace('kind = "commercial"', 'kind = "commercial"\nprofiles = ["jp"]') + EXPECT


@pytest.fixture
def both(sound: str, receipts_text: str) -> tuple[str, str]:
    return sound, receipts_text + EXPECT


def remarks(policies: Policies) -> list[tuple[str, str]]:
    return [(one.key, one.wrong) for one in lint(policies, NOW)]


def test_a_sound_policy_gives_no_cause_for_remarks(load: Load, sound: str) -> None:
    assert lint(load(newsletter=sound), NOW) == []


@pytest.mark.parametrize(
    ("change", "key", "wrong"),
    [
        ((EXPECT, ""), "expect", "this policy has no tests"),
        (('profiles = ["jp"]', "profiles = []"), "stream.profiles", "no law is named"),
        (('["jp"]', '["jp"]\nmode = "shadow"'), "stream.mode", "shadow lets everything pass but a no"),
        (('["*@news', '["<>", "*@news'), "match", '"<>" is the sender of reports'),
        ((EXPECT, EXPECT + '[consent]\nstale_after = "never"\n'), "consent.stale_after", "this rule is off"),
        (("https://brand-kk.jp/contact", "a@shop.example"), "sender.contact", '"a@shop.example" is still an example'),
        (
            (EXPECT, EXPECT + '[message]\nexisting_list_unsubscribe = "keep"\n'),
            "message.existing_list_unsubscribe",
            "where the mailer sets a link of its own, whoever uses it is not recorded here",
        ),
        (
            (EXPECT, EXPECT + '[message]\nexisting_list_unsubscribe = "combine"\n'),
            "message.existing_list_unsubscribe",
            "whoever writes to the mailer's address is not recorded here",
        ),
        ((EXPECT, EXPECT + '[consent]\nask_before = "never"\n'), "consent.ask_before", "nobody is asked before a yes"),
        (
            (EXPECT, EXPECT + '[consent]\nask_before = "365d"\n'),
            "consent.ask_before",
            "is not shorter than stale_after and inquiry_within: everybody would be asked all the time",
        ),
        ((EXPECT, EXPECT + '[retention]\nevidence = "never"\n'), "retention.evidence", "what is known of people who"),
        ((EXPECT, EXPECT + '[retention]\ntechnical = "never"\n'), "retention.technical", "IP addresses are kept for"),
        (
            (EXPECT, EXPECT + '[migration]\naccept = ["customer"]\nuntil = 2026-05-31\n'),
            "migration.until",
            "it ended on 2026-05-31 and has no effect",
        ),
        (
            (EXPECT, EXPECT + '[migration]\naccept = ["customer", "written"]\nuntil = 2026-06-30\n'),
            "migration.accept",
            "written is in consent.accept already",
        ),
        (
            (EXPECT, EXPECT + '[hold]\nask_again = false\n[migration]\naccept = ["customer"]\nuntil = 2026-06-30\n'),
            "migration",
            "hold.ask_again is false: who is not asked meanwhile gets nothing when it ends",
        ),
        (
            (
                EXPECT,
                (
                    '[migration]\naccept = ["customer"]\nuntil = 2026-06-30\n[[expect]]\n'
                    'given = { basis = "customer", granted = "1d ago" }\nverdict = "deliver"\nreason = "migration"\n'
                ),
            ),
            "expect.on",
            "without a day this test fails after 2026-06-30",
        ),
        ((EXPECT, EXPECT + '[message]\namp = "keep"\n'), "message.amp", "programs that show AMP show no footer"),
        ((EXPECT, EXPECT + '[message]\nprecedence = "bulk"\n'), "message.precedence", "no standard knows the field"),
        (
            (EXPECT, EXPECT + '[message]\nunsubscribe_hosts = ["a.example"]\n'),
            "message.unsubscribe_hosts",
            "has no effect in this version yet",
        ),
        (
            (EXPECT, EXPECT + '[message]\ncfbl_address = "fbl@brand.example"\n'),
            "message.cfbl_address",
            '"fbl@brand.example" is still an example',
        ),
        (
            ("[[match]]", 'stop_address = "stop@brand.example"\n[[match]]'),
            "sender.stop_address",
            '"stop@brand.example" is still an example',
        ),
        (("Flowers K.K.", "Brand K.K."), "sender.name", '"Brand K.K." is still the example'),
    ],
)
def test_what_deserves_a_second_look_is_remarked(
    load: Load, sound: str, change: tuple[str, str], key: str, wrong: str
) -> None:
    assert change[0] in sound
    ((found_key, found_wrong),) = remarks(load(newsletter=sound.replace(*change)))

    assert (found_key, found_wrong[: len(wrong)]) == (key, wrong)


def test_mail_that_leaves_without_a_footer_is_remarked_where_no_law_forbids_it(load: Load, sound: str) -> None:
    text = sound.replace('profiles = ["jp"]', "profiles = []") + '[message]\nundisclosable = "headers-only"\n'

    assert ("message.undisclosable", "signed and encrypted mail leaves without a footer") in remarks(
        load(newsletter=text)
    )


def test_every_word_about_the_message_that_has_an_effect_gives_no_cause_for_remarks(load: Load, sound: str) -> None:
    text = sound + (
        '[message]\nexisting_list_unsubscribe = "replace"\nundisclosable = "wrap"\namp = "drop"\ncharset = "keep"\n'
        'old_signatures = "keep"\ntimezone = "Asia/Tokyo"\nfeedback_id = "flowers"\ncfbl_address = "fbl@flowers.jp"\n'
        'precedence = "list"\nauto_submitted = true\n'
    )

    assert remarks(load(newsletter=text)) == []


def test_words_about_the_message_have_no_effect_where_nothing_is_edited(load: Load, receipts_text: str) -> None:
    text = receipts_text + EXPECT + '[message]\nlanguage = "en"\ncharset = "keep"\nfeedback_id = "flowers"\n'

    assert remarks(load(receipts=text)) == [
        ("message.charset", "has no effect: only commercial mail is edited, this is transactional"),
        ("message.feedback_id", "has no effect: only commercial mail is edited, this is transactional"),
    ]


def test_a_footer_in_a_language_that_the_purpose_lacks_is_remarked(load: Load, sound: str) -> None:
    words = (
        '[footer.de]\ntext = "de.txt"\nhtml = "de.html"\nwhy = "{{ sender }}"\n[footer.en-GB]\nwhy = "{{ sender }}"\n'
    )
    Path(load(newsletter=sound).streams[0].file).with_name("de.txt").write_text(WORDINGS["en"].plain)
    Path(load(newsletter=sound).streams[0].file).with_name("de.html").write_text(WORDINGS["en"].html)
    both = ("footer.de", "stream.purpose and stream.audience have no text in de")

    assert remarks(load(newsletter=sound + words)) == [both]
    one = sound.replace("purpose = {", 'purpose = { de = "Neues",')
    assert remarks(load(newsletter=one + words)) == [("footer.de", "stream.audience has no text in de")]
    assert remarks(load(newsletter=one.replace("audience = {", 'audience = { de = "Mitglieder",') + words)) == []


def test_a_charset_that_is_to_be_kept_wants_a_footer_in_english(load: Load, sound: str) -> None:
    keep = '[message]\ncharset = "keep"\n'
    assert remarks(load(newsletter=sound + keep)) == []
    japanese = re.sub(r'(purpose = \{.*), en = "[^"]*"', r"\1", sound)
    assert japanese != sound
    assert remarks(load(newsletter=japanese)) == []
    assert remarks(load(newsletter=japanese + keep)) == [
        ("message.charset", "stream.purpose has no plain English text")
    ]


def test_a_weak_basis_is_remarked_and_more_so_without_the_stronger_ones(load: Load, sound: str) -> None:
    beside = sound + '[consent]\naccept = ["double-opt-in", "single-opt-in", "written", "customer"]\n'
    alone = sound + '[consent]\naccept = ["customer"]\n'

    assert remarks(load(newsletter=beside)) == [("consent.accept", "customer is no clear, active yes")]
    assert len(remarks(load(newsletter=alone))) == 2


@pytest.mark.parametrize("basis", ["customer", "inquiry"])
def test_implied_consent_that_never_ends_is_remarked(load: Load, sound: str, basis: str) -> None:
    accept = f'[consent]\naccept = ["double-opt-in", "single-opt-in", "written", "{basis}"]\n'
    text = sound.replace('profiles = ["jp"]', 'profiles = ["us"]') + accept
    weak = ("consent.accept", f"{basis} is no clear, active yes")

    assert remarks(load(newsletter=text)) == [weak]
    assert remarks(load(newsletter=f'{text}{basis}_within = "never"\n')) == [
        weak,
        (f"consent.{basis}_within", f"a yes of basis {basis} counts for ever"),
    ]


def test_a_migration_that_asks_and_ends_gives_no_cause_for_remarks(load: Load, sound: str) -> None:
    expect = EXPECT.replace("{}", '{ basis = "customer", granted = "1d ago" }').replace("reject", "deliver")
    text = f'{sound}[migration]\naccept = ["customer"]\nuntil = 2026-08-30\n{expect}reason = "migration"\non = 2026-08-30\n'

    assert remarks(load(newsletter=text)) == []


def test_a_remark_stands_at_the_line_of_its_key(load: Load, newsletter_text: str) -> None:
    (problem, *_) = [one for one in lint(load(newsletter=newsletter_text), NOW) if one.key == "sender.contact"]

    assert problem.line == 14


@pytest.mark.parametrize(
    ("client", "sender", "count"),
    [
        ('"mautic"', '"*@news.brand-kk.jp"', 1),
        ('"*"', '"*@*.brand-kk.jp"', 1),
        ('"mautic"', '"x@news.brand-kk.jp"', 1),
        ('"mautic"', '"*"', 1),
        ('"shop"', '"*@news.brand-kk.jp"', 0),
        ('"mautic"', '"*@brand-kk.jp"', 0),
        ('"mautic"', '"<>"', 0),
    ],
)
def test_streams_that_claim_the_same_mail_are_remarked(
    load: Load, both: tuple[str, str], client: str, sender: str, count: int
) -> None:
    sound, receipts = both
    receipts = receipts.replace('"shop"', client).replace('"*@brand.example"', sender)
    found = remarks(load(newsletter=sound, receipts=receipts))

    assert len(found) == count
    assert all('such mail belongs to "newsletter"' in wrong for _, wrong in found)


def test_a_header_keeps_two_streams_apart(load: Load, both: tuple[str, str]) -> None:
    sound, receipts = both
    receipts = receipts.replace('client = ["shop"]', 'header = { "X-Kind" = "receipt" }').replace(
        "*@brand.example", "*@news.brand-kk.jp"
    )

    assert lint(load(newsletter=sound, receipts=receipts), NOW) == []


def test_what_init_wrote_is_remarked_until_it_names_a_real_sender(load: Load) -> None:
    shipped = Path(__file__).parents[2] / "policies" / "newsletter.toml"
    found = remarks(load(newsletter=shipped.read_text("utf-8").replace("brand.example", "flowers.jp")))
    assert [key for key, _ in found] == ["sender.name", "sender.postal_address"]
