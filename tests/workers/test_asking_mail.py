from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web.serving import KEYS, shop_policies

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reason import Reason
from relay.tokens import Claims, Purpose, seal, unseal
from relay.workers.asking_mail import AskingMail

NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
TO = Address("hanako", "example.jp")
#: In Japan this is the next day.
SAID = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return shop_policies(tmp_path).by_id["newsletter"]


def facts(language: str = "") -> Facts:
    return Facts(yes=Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, SAID, "fair", live=False, language=language))


def written(stream: Stream, known: Facts) -> tuple[email.message.EmailMessage, str]:
    def sealed(purpose: Purpose, claims: Claims) -> str:
        return seal(KEYS, purpose, claims)

    writer = AskingMail(sealed, "https://mail.brand.example", "relay.brand.example", one_click=True)
    content = writer.write(stream, known, Reason.STALE, TO, NOW, identifier="01J0", decision_id="01DECISION")
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    text = message.get_body(("plain",))
    assert text is not None
    return message, str(text.get_content())


def test_each_link_opens_for_its_own_purpose_alone(stream: Stream) -> None:
    message, text = written(stream, facts("en"))
    for purpose in (Purpose.CONFIRM, Purpose.UNSUBSCRIBE):
        (token,) = {line.rpartition("/")[2] for line in text.splitlines() if f"/{purpose}/" in line}
        assert unseal(KEYS, purpose, token) == Claims(TO, "newsletter", "01DECISION")
        assert [other for other in Purpose if unseal(KEYS, other, token)] == [purpose]
    assert "/u/" in message["list-unsubscribe"]


@pytest.mark.parametrize(
    ("language", "chosen"), [("en", "en"), ("en-GB", "en"), ("ja", "ja"), ("fr", "ja"), ("", "ja")]
)
def test_the_mail_is_in_the_persons_language_else_in_the_policys(stream: Stream, language: str, chosen: str) -> None:
    message, text = written(stream, facts(language))
    assert message["content-language"] == chosen
    assert ("新商品のお知らせ" in text) == (chosen == "ja")


def test_the_day_is_told_in_the_time_zone_of_the_stream(stream: Stream, tmp_path: Path) -> None:
    assert "1 March 2025 (fair)" in written(stream, facts("en"))[1]
    file = tmp_path / "newsletter.toml"
    file.write_text(file.read_text("utf-8") + 'timezone = "Asia/Tokyo"\n', "utf-8")
    assert "2 March 2025 (fair)" in written(load_policies(tmp_path).by_id["newsletter"], facts("en"))[1]


def test_own_words_of_the_footer_are_used(stream: Stream, tmp_path: Path) -> None:
    file = tmp_path / "newsletter.toml"
    file.write_text(file.read_text("utf-8") + '[footer.en]\ndate = "{year}: {day} {month}"\n', "utf-8")
    assert "2025: 1 March" in written(load_policies(tmp_path).by_id["newsletter"], facts("en"))[1]


def test_somebody_of_whom_nothing_is_known_any_more_gets_a_mail_without_holes(stream: Stream) -> None:
    assert "以前に、メールアドレスをご登録いただいております。" in written(stream, NOTHING_KNOWN)[1]


def test_a_day_alone_reads_as_a_day_and_not_as_a_place(stream: Stream) -> None:
    yes = facts("ja").yes
    assert yes is not None
    day_alone = Facts(yes=replace(yes, source=""))
    assert "2025年3月1日に、受信へのご同意をいただいております。" in written(stream, day_alone)[1]
    assert "2025年3月1日、fair にて、受信へのご同意をいただいております。" in written(stream, facts("ja"))[1]
