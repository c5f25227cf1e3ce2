from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.address import Address
from relay.cli.preview import Preview, dead_token, preview_of
from relay.config.load import load_settings
from relay.consent.facts import NOTHING_KNOWN
from relay.message.compose import Copy, Undisclosable
from relay.message.dkim import KeyType, generate
from relay.message.rules import Fallback
from relay.policy.files import load_policies
from relay.policy.model import Mode, Stream
from relay.tokens import KEY_LENGTH, Claims, Purpose, TokenKeys, is_well_formed, seal

SHIPPED = Path(__file__).parents[2] / "policies"
TARO = Address("taro", "customer.example")
MAIL = b"From: News <news@news.brand.example>\r\nTo: you@example.org\r\nSubject: Spring\r\n\r\nIt is spring.\r\n"
EIGHT_BIT = MAIL.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xe6\x98\xa5")
SIGNED = MAIL.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n")


@pytest.fixture(scope="module")
def newsletter() -> Stream:
    return load_policies(SHIPPED).by_id["newsletter"]


def preview(stream: Stream, original: bytes = MAIL, config: Path | None = None) -> Preview:
    return preview_of(load_settings(config, {}), stream, TARO, NOTHING_KNOWN, original)


def content(found: Preview) -> bytes:
    assert isinstance(found.copy, Copy)
    return found.copy.content


@pytest.mark.parametrize("stream", ["a", "newsletter", "s" * 60])
def test_a_dead_token_is_as_long_as_a_live_one_and_can_never_be_taken_for_one(stream: str) -> None:
    claims = Claims(TARO, stream, "01J9ZQ4T0V8M3X7K5B2N6P1RSD")
    for purpose in Purpose:
        live = seal(TokenKeys({"abc123": bytes(KEY_LENGTH)}, "abc123"), purpose, claims)
        dead = dead_token(purpose, claims)
        assert len(dead) == len(live)
        assert is_well_formed(live)
        assert not is_well_formed(dead)
        assert dead.startswith("PREVIEW-NOT-A-LIVE-LINK-")


def test_a_commercial_copy_has_footer_and_list_fields_with_a_dead_link_and_says_so(newsletter: Stream) -> None:
    found = preview(newsletter, EIGHT_BIT)
    assert b"List-Unsubscribe: <http://127.0.0.1:8025/u/PREVIEW-NOT-A-LIVE-LINK-" in content(found)
    assert content(found).count(b"/u/") == content(found).count(b"/u/PREVIEW-NOT-A-LIVE-LINK-") >= 2
    assert any("dead" in note for note in found.notes)


def test_mail_of_a_stream_in_shadow_mode_passes_as_it_came(newsletter: Stream) -> None:
    found = preview(replace(newsletter, mode=Mode.SHADOW))
    assert content(found) == MAIL
    [note] = found.notes
    assert "shadow" in note


def test_transactional_mail_gets_trace_fields_alone() -> None:
    found = preview(load_policies(SHIPPED).by_id["receipts"])
    assert content(found).endswith(MAIL)
    assert content(found).startswith(b"Received: from preview ")
    assert b"List-" not in content(found)
    assert found.notes == ()


def test_the_copy_is_signed_where_there_is_a_key(newsletter: Stream, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(generate(KeyType.ED25519))
    config = tmp_path / "relay.toml"
    config.write_text('[dkim."brand.example"]\nselector = "s1"\nkey = "key.pem"\n')
    found = preview(newsletter, config=config)
    assert content(found).startswith(b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=brand.example;")
    assert [one.domain for one in found.signers] == ["brand.example"]


def test_a_key_that_cannot_be_read_is_told_of_and_the_rest_is_shown(newsletter: Stream, tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    (tmp_path / "key.pem").write_bytes(generate(KeyType.ED25519))
    config.write_text('[dkim."brand.example"]\nselector = "s1"\nkey = "key.pem"\n')
    settings = load_settings(config, {})
    (tmp_path / "key.pem").unlink()
    found = preview_of(settings, newsletter, TARO, NOTHING_KNOWN, MAIL)
    assert b"List-Unsubscribe: " in content(found)
    assert any("not signed" in note and "key.pem" in note for note in found.notes)
    (tmp_path / "key.pem").write_text("nonsense")
    found = preview_of(settings, newsletter, TARO, NOTHING_KNOWN, MAIL)
    assert any("not signed" in note for note in found.notes)


def test_what_cannot_carry_the_footer_comes_with_what_the_policy_could_say(newsletter: Stream) -> None:
    def with_fallback(fallback: Fallback) -> Stream:
        return replace(newsletter, message=replace(newsletter.message, undisclosable=fallback))

    found = preview(with_fallback(Fallback.REJECT), SIGNED)
    assert isinstance(found.copy, Undisclosable)
    assert found.remedies == (Fallback.WRAP, Fallback.HEADERS_ONLY)
    report = MAIL.replace(
        b"\r\n\r\n", b"\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n"
    )
    assert preview(with_fallback(Fallback.REJECT), report).remedies == (Fallback.HEADERS_ONLY,)
    assert preview(with_fallback(Fallback.WRAP), report).remedies == (Fallback.HEADERS_ONLY,)
    assert b"--b\r\n\r\nhi\r\n--b--" in content(preview(with_fallback(Fallback.WRAP), SIGNED))


def test_a_remedy_that_would_not_leave_the_relay_is_none(newsletter: Stream) -> None:
    """Parts nested as deep as they are read at all: whatever is put around them cannot be looked through."""
    nested = b"--b99\r\n\r\nhi\r\n--b99--"
    for number in range(99, -1, -1):
        head = f"Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n".encode()
        nested = (
            head + nested
            if number == 99
            else head + f"--b{number}\r\n".encode() + nested + f"\r\n--b{number}--".encode()
        )
    deep = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n"
    for depth in range(3):
        message = (
            deep
            + b"".join(
                f"Content-Type: multipart/signed; boundary=c{one}\r\n\r\n--c{one}\r\n".encode() for one in range(depth)
            )
            + nested
        )
        found = preview(newsletter, message)
        if isinstance(found.copy, Undisclosable):
            for one in found.remedies:
                content(preview(replace(newsletter, message=replace(newsletter.message, undisclosable=one)), message))


def test_filled_placeholders_are_named(newsletter: Stream) -> None:
    assert preview(newsletter).filled == ()
    assert preview(newsletter, MAIL + b"{{why}} {{ unsubscribe_url }}\r\n").filled == ("unsubscribe_url", "why")
