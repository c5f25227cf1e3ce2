from __future__ import annotations

from pathlib import Path

import pytest
from cli.shop import Shop

from relay.cli.check_owners import told_to_nobody
from relay.config.load import load_settings
from relay.policy.files import load_policies

CLIENT = '[[client]]\nname = "local"\nnetworks = ["127.0.0.0/8"]\n'


def remarks(shop: Shop, client: str = "", policy: str = "") -> list[str]:
    shop.file("relay.toml", CLIENT + client)
    file = Path("policies") / "newsletter.toml"
    text = file.read_text("utf-8")
    if policy:
        assert "\n[verdict]\n" in text
        file.write_text(text.replace("\n[verdict]\n", policy, 1), "utf-8")
    settings = load_settings(Path("relay.toml"), {})
    return list(told_to_nobody(settings, load_policies(settings.policies)))


def test_a_client_whose_mail_is_refused_needs_no_owner(shop: Shop) -> None:
    assert remarks(shop) == []


@pytest.mark.parametrize("refusal", ["hold", "accept-and-report"])
def test_a_client_that_wants_no_refusals_does(shop: Shop, refusal: str) -> None:
    (remark,) = remarks(shop, f'refusal = "{refusal}"\n')
    assert remark.startswith(
        f'mail of client "local" that is accepted and discarded (refusal = "{refusal}") is told to nob'
    )
    assert remarks(shop, f'refusal = "{refusal}"\nowner = "owner@example.com"\n') == []


def test_so_does_a_client_of_a_policy_that_discards(shop: Shop) -> None:
    (remark,) = remarks(shop, policy='\n[verdict]\nundeliverable = "discard"\n')
    assert 'discarded (by "newsletter") is told to nobody' in remark


def test_check_says_so_and_finds_no_problem(shop: Shop) -> None:
    shop.file("relay.toml", CLIENT + 'refusal = "accept-and-report"\n')
    answer = shop.run("check", "-c", "relay.toml")
    assert answer.code == 0
    assert "told to nobody but consent-relay log report; name an owner" in answer.out
