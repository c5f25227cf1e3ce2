"""Who may relay: a login over TLS, or a listed network."""

from __future__ import annotations

import shutil
import smtplib
import ssl

import pytest
from integration.clients import by_swaks
from integration.mails import newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, PASSWORD, Relay


@pytest.fixture(autouse=True)
def _swaks() -> None:
    if not shutil.which("swaks"):
        pytest.skip("swaks is not installed")


def login(password: str, kind: str = "PLAIN") -> tuple[str, ...]:
    return ("--tls", "--auth", kind, "--auth-user", "mailer", "--auth-password", password)


@pytest.mark.parametrize("kind", ["PLAIN", "LOGIN"])
def test_a_mailer_logs_in_over_starttls(relay: Relay, postfix: Postfix, kind: str) -> None:
    reader = relay.reader()
    sent = by_swaks(relay.secure, NEWS, reader, newsletter(NEWS, reader), *login(PASSWORD, kind))
    assert sent.accepted, sent.said
    assert b"with ESMTPSA" in postfix.wait_for(reader)


def test_a_wrong_password_is_refused(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    sent = by_swaks(relay.secure, NEWS, reader, newsletter(NEWS, reader), *login("wrong"))
    assert not sent.accepted
    assert "535 5.7.8" in sent.said
    assert "530 " not in sent.said
    assert postfix.delivered_to(reader) == []


@pytest.mark.parametrize("tls", [(), ("--tls",)])
def test_without_login_the_login_listener_takes_nothing(relay: Relay, postfix: Postfix, tls: tuple[str, ...]) -> None:
    reader = relay.reader()
    sent = by_swaks(relay.secure, NEWS, reader, newsletter(NEWS, reader), *tls)
    assert not sent.accepted
    assert "530 5.7.0" in sent.said
    assert postfix.delivered_to(reader) == []


def test_a_password_is_never_asked_for_in_clear(relay: Relay) -> None:
    with smtplib.SMTP("127.0.0.1", relay.secure, timeout=60) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.docmd("AUTH", "PLAIN AG1haWxlcgB4")[0] in (502, 503, 530, 538)
        smtp.starttls(context=unverified())
        smtp.ehlo()
        assert set(smtp.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}


def test_a_client_uses_only_the_senders_it_was_given(relay: Relay) -> None:
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=60) as smtp:
        smtp.ehlo()
        code, text = smtp.mail("ceo@brand.example")
    assert code == 550
    assert text.startswith(b"5.7.1 sender-not-allowed: "), text


def test_passwords_and_bodies_never_reach_the_log(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    sent = by_swaks(relay.secure, NEWS, reader, newsletter(NEWS, reader), *login(PASSWORD))
    assert sent.accepted, sent.said
    postfix.wait_for(reader)
    logged = (relay.folder / "relay.log").read_text("utf-8") + (relay.folder / "serve.out").read_text("utf-8")
    assert reader in logged
    for secret in (PASSWORD, "AG1haWxlcg", "things that you may like", "/u/"):
        assert secret not in logged


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
