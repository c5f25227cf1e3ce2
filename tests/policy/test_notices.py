from __future__ import annotations

from pathlib import Path

import pytest
from journey import NEWSLETTER, NOW, RECEIPTS

from relay.address import address_from_text
from relay.config.problems import ProblemsError
from relay.consent.facts import NOTHING_KNOWN
from relay.policy import notices
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.match import bound_streams, settle
from relay.policy.model import RELAY_NOTICES, Policies
from relay.reason import Reason, Verdict


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    (tmp_path / "newsletter.toml").write_text(NEWSLETTER)
    (tmp_path / "receipts.toml").write_text(RECEIPTS.replace('mail_from = ["*@brand.example"]', 'client = ["*"]'))
    return load_policies(tmp_path, NOW)


def test_the_relays_own_mail_needs_no_consent() -> None:
    found = evaluate(notices.STREAM, NOTHING_KNOWN, address_from_text("somebody@example.org"), NOW)
    assert (found.verdict, found.reasons, found.enforced) == (Verdict.DELIVER, (Reason.TRANSACTIONAL,), True)


@pytest.mark.parametrize("client", ["shop", "relay", "*", ""])
def test_no_client_is_bound_to_the_stream_and_no_header_chooses_it(policies: Policies, client: str) -> None:
    bound = bound_streams(policies, client, None)
    chosen = settle(bound, client, None, {"x-consent-stream": ["relay-notices"], "list-id": ["<relay-notices>"]})
    assert notices.STREAM not in bound
    assert chosen is None or chosen.id == "receipts"
    assert bound_streams(Policies((notices.STREAM,), ""), client, None) == ()


def test_a_waiting_message_finds_its_stream(policies: Policies) -> None:
    assert notices.stream_of(policies, RELAY_NOTICES) is notices.STREAM
    assert notices.stream_of(policies, "newsletter") is policies.by_id["newsletter"]
    assert notices.stream_of(policies, "gone") is None


def test_no_policy_file_takes_the_id(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECEIPTS.replace('id = "receipts"', f'id = "{RELAY_NOTICES}"'))
    with pytest.raises(ProblemsError, match="relay's own mail"):
        load_policies(tmp_path, NOW)
