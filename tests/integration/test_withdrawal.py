"""A person stops the mail, and it has stopped."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter, unsubscribe_url
from integration.postfix import Postfix
from integration.serving import NEWS, PUBLIC_URL, Relay

ONE_CLICK = {
    "urlencoded": ("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
    "multipart": (
        '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
}


def send(relay: Relay, recipient: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))


def page_for(relay: Relay, postfix: Postfix, reader: str) -> str:
    """The path of the unsubscribe page in the mail that the reader gets."""
    sent = send(relay, reader)
    assert sent.accepted, sent.said
    url = unsubscribe_url(postfix.wait_for(reader))
    assert url.startswith(f"{PUBLIC_URL}/u/")
    return urlsplit(url).path


@pytest.mark.parametrize("encoding", ONE_CLICK)
def test_one_click_stops_the_mail_at_once(relay: Relay, postfix: Postfix, encoding: str) -> None:
    reader = relay.reader()
    path = page_for(relay, postfix, reader)
    body, content_type = ONE_CLICK[encoding]
    status, _ = relay.http("POST", path, body, {"Content-Type": content_type})
    assert status == 200
    sent = send(relay, reader)
    assert sent.said.startswith("550 5.7.1 withdrawn: "), sent.said
    assert "newsletter" in sent.said
    assert [found["reason"] for found in relay.printed("log", "query", "--id", sent.decision)] == ["withdrawn"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_scanner_that_opens_the_link_changes_nothing(relay: Relay, postfix: Postfix, method: str) -> None:
    reader = relay.reader()
    path = page_for(relay, postfix, reader)
    for _ in range(3):
        relay.http(method, path)
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted


def test_a_no_counts_for_every_spelling_of_the_address(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader(local="first.last")
    spelled = [reader.replace("first", "First"), reader.replace("@", "+news@"), reader.replace("reader.", "READER.")]
    relay.consenting(spelled[:2])
    path = page_for(relay, postfix, reader)
    body, content_type = ONE_CLICK["urlencoded"]
    assert relay.http("POST", path, body, {"Content-Type": content_type})[0] == 200
    for spelling in spelled:
        assert send(relay, spelling).said.startswith("550 5.7.1 withdrawn: "), spelling


def test_no_import_brings_a_withdrawn_address_back(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    path = page_for(relay, postfix, reader)
    body, content_type = ONE_CLICK["urlencoded"]
    assert relay.http("POST", path, body, {"Content-Type": content_type})[0] == 200
    relay.consenting([reader])
    assert send(relay, reader).said.startswith("550 5.7.1 withdrawn: ")


def test_a_forged_link_withdraws_nobody_and_looks_like_any_other(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    path = page_for(relay, postfix, reader)
    tail = "A" if path[-1] != "A" else "B"
    body, content_type = ONE_CLICK["urlencoded"]
    status, _ = relay.http("POST", path[:-1] + tail, body, {"Content-Type": content_type})
    assert status == 200
    assert send(relay, reader).accepted


def test_a_no_outlives_a_kill(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    path = page_for(relay, postfix, reader)
    body, content_type = ONE_CLICK["urlencoded"]
    assert relay.http("POST", path, body, {"Content-Type": content_type})[0] == 200
    relay.kill()
    relay.start()
    assert send(relay, reader).said.startswith("550 5.7.1 withdrawn: ")
