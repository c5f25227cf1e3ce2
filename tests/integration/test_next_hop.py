"""Postfix away, refusing, slow to say no, or with a certificate that has to be checked; for a client that keeps its mail and
repeats it, and for one that does not.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.certificates import Authority
from integration.clients import by_smtplib
from integration.mails import newsletter
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.serving import NEWS, Relay, running_relay
from patience import until


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postfix]:
    """One of this file's own, to be stopped and started; it knows STARTTLS."""
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority()
    authority.write(folder / "ca.pem")
    authority.write_certificate(folder / "mx.pem", folder / "mx.key", "mx.reader.example")
    chain = f"{folder / 'mx.key'}, {folder / 'mx.pem'}"
    settings = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": chain, "smtpd_tls_loglevel": "1"}
    with running_postfix(settings) as running:
        (running.folder / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
        yield running


@pytest.fixture(scope="module")
def relay(postfix: Postfix) -> Iterator[Relay]:
    """Its client gets the next hop's own 4xx."""
    with running_relay(postfix.port, client_settings="retries = true") as running:
        yield running


def test_a_client_that_does_not_retry_need_not_for_its_mail_waits_here(postfix: Postfix) -> None:
    with running_relay(postfix.port) as relay:
        reader = relay.reader(local="kept")
        postfix.stop()
        try:
            assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted
        finally:
            postfix.start()
        relay.command("queue", "retry", "--all")
        postfix.wait_for(reader)


def test_mail_is_asked_for_again_while_the_next_hop_is_away_and_passes_when_it_is_back(
    relay: Relay, postfix: Postfix
) -> None:
    reader = relay.reader()
    message = newsletter(NEWS, reader)
    postfix.stop()
    try:
        sent = by_smtplib(relay.plain, NEWS, reader, message)
    finally:
        postfix.start()
    assert not sent.accepted
    assert sent.said.startswith("451 4."), sent.said
    assert "next-hop-deferred" in sent.said
    assert results(relay, sent.decision) == ["deferred"]
    assert by_smtplib(relay.plain, NEWS, reader, message).accepted
    postfix.wait_for(reader)


def test_a_refusal_at_the_end_of_data_spoils_nothing_for_the_next_message(relay: Relay, postfix: Postfix) -> None:
    """Postfix keeps such a transaction open, so the kept connection has to be reset."""
    refused, after = relay.reader(local="toolate"), relay.reader()
    assert not by_smtplib(relay.plain, NEWS, refused, newsletter(NEWS, refused)).accepted
    sent = by_smtplib(relay.plain, NEWS, after, newsletter(NEWS, after))
    assert sent.accepted, sent.said
    postfix.wait_for(after)


def test_a_connection_that_the_next_hop_closed_meanwhile_costs_nobody_a_retry(relay: Relay, postfix: Postfix) -> None:
    before, after = relay.readers(2)
    assert by_smtplib(relay.plain, NEWS, before, newsletter(NEWS, before)).accepted
    postfix.stop()
    postfix.start()
    assert by_smtplib(relay.plain, NEWS, after, newsletter(NEWS, after)).accepted
    postfix.wait_for(after)


@pytest.mark.parametrize(
    ("local", "start"), [("refused", "550 5.1.1 "), ("later", "450 4.2.1 "), ("toolate", "554 5.7.9 ")]
)
def test_the_next_hops_own_answer_passes_back(relay: Relay, postfix: Postfix, local: str, start: str) -> None:
    reader = relay.reader(local=local)
    sent = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))
    assert not sent.accepted
    assert sent.said.startswith(start), sent.said
    result = "deferred" if start[0] == "4" else "refused"
    assert results(relay, sent.decision) == [result]
    assert postfix.delivered_to(reader) == []


def test_a_non_ascii_recipient_passes_when_the_next_hop_knows_smtputf8(relay: Relay, postfix: Postfix) -> None:
    reader = "読者@reader.example"
    relay.consenting([reader])
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=60, local_hostname="mailer.brand.example") as smtp:
        smtp.ehlo_or_helo_if_needed()
        assert smtp.has_extn("smtputf8")
        smtp.sendmail(NEWS, [reader], newsletter(NEWS, "reader@reader.example"), ["SMTPUTF8", "BODY=8BITMIME"])
    postfix.wait_for(reader)


def test_a_verified_certificate_lets_mail_pass_encrypted(postfix: Postfix) -> None:
    with running_relay(postfix.port, hop_settings=tls_settings(postfix.folder / "ca.pem")) as relay:
        reader = relay.reader(local="encrypted")
        sent = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))
        assert sent.accepted, sent.said
        assert b"with ESMTPS" in postfix.wait_for(reader)


@pytest.mark.parametrize("fault", ["other name", "other authority"])
def test_a_certificate_that_does_not_verify_stops_mail_and_nothing_goes_in_clear(
    postfix: Postfix, tmp_path: Path, fault: str
) -> None:
    Authority().write(tmp_path / "other.pem")
    settings = {
        "other name": tls_settings(postfix.folder / "ca.pem", "mx.other.example"),
        "other authority": tls_settings(tmp_path / "other.pem"),
    }
    with running_relay(postfix.port, hop_settings=settings[fault], client_settings="retries = true") as relay:
        reader = relay.reader(local=fault.replace(" ", "-"))
        sent = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))
        assert sent.said.startswith("451 4."), sent.said
        assert postfix.delivered_to(reader) == []


def results(relay: Relay, decision: str) -> list[str]:
    """What became of the mail, once that is written, which nobody's reply waits for."""

    def known() -> list[str]:
        [found] = relay.printed("log", "query", "--id", decision)
        return [outcome["result"] for outcome in found["outcomes"]]

    return until(known)


def tls_settings(ca: Path, name: str = "mx.reader.example") -> str:
    return f'tls = "starttls"\ntls_name = "{name}"\nca = "{ca}"'
