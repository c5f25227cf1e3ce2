from __future__ import annotations

import email
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from journey import NEWSLETTER, NOW, one_copy, signer

from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Yes
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.rewriting import footer_facts


@pytest.fixture(scope="module")
def newsletter(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "newsletter.toml").write_text(NEWSLETTER)
    return load_policies(folder).streams[0]


def yes(basis: Basis = Basis.DOUBLE_OPT_IN, **more: str) -> Facts:
    return Facts(yes=Yes(basis, Act.CLICKED, NOW - timedelta(days=3), "fair in Osaka", live=False, **more))


def test_the_footer_says_where_and_when_the_person_agreed(newsletter: Stream) -> None:
    facts = footer_facts(newsletter, yes(form_url="https://brand.example/form"), "en")
    assert facts.agreed
    assert facts.consented_on == (NOW - timedelta(days=3)).date()
    assert facts.source == "https://brand.example/form"
    assert footer_facts(newsletter, yes(), "en").source == "fair in Osaka"


@pytest.mark.parametrize("basis", [Basis.CUSTOMER, Basis.PUBLISHED, Basis.ASSUMED])
def test_what_is_no_consent_is_not_called_one(newsletter: Stream, basis: Basis) -> None:
    assert not footer_facts(newsletter, yes(basis), "en").agreed


def test_an_internal_address_without_consent_is_told_of_none(newsletter: Stream) -> None:
    facts = footer_facts(newsletter, Facts(), "ja")
    assert (facts.agreed, facts.consented_on, facts.source) == (False, None, "")
    assert facts.purpose == "新商品のお知らせ"


def test_a_stream_without_a_sender_has_no_footer(newsletter: Stream) -> None:
    with pytest.raises(ValueError, match="sender"):
        footer_facts(replace(newsletter, sender=None), Facts(), "en")


def test_the_reader_is_addressed_in_the_language_of_the_consent(tmp_path: Path) -> None:
    body = email.message_from_bytes(one_copy(tmp_path)).get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "会員の方" in body.decode()


def test_the_words_of_the_policy_are_used(tmp_path: Path) -> None:
    policy = f'{NEWSLETTER}[footer.ja]\ndate = "{{year}} - {{month}} - {{day}}"\n'
    body = email.message_from_bytes(one_copy(tmp_path, policies={"newsletter": policy})).get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "2026 - 4 - 4" in body.decode()


def test_without_a_key_for_the_sender_one_click_is_not_promised(tmp_path: Path) -> None:
    copy = email.message_from_bytes(one_copy(tmp_path, signers={}))
    assert copy["DKIM-Signature"] is None
    assert copy["List-Unsubscribe"].startswith("<https://mail.brand.example/u/")
    assert copy["List-Unsubscribe-Post"] is None


def test_the_default_key_signs_for_senders_without_one(tmp_path: Path) -> None:
    copy = one_copy(tmp_path, signers={"default": (signer(),)})
    assert b"DKIM-Signature: v=1" in copy
