"""One message to several people: one reply, and behind it each gets a copy of their own, or what became of it is known."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest
from integration.mails import assert_newsletter_for, newsletter, unsubscribe_url
from integration.postfix import Postfix
from integration.serving import NEWS, Relay
from integration.verifiers import by_dkimpy
from patience import until


@pytest.fixture
def smtp(relay: Relay) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=60) as connection:
        connection.ehlo()
        yield connection


def test_those_with_consent_get_copies_and_the_others_are_refused_at_rcpt(
    relay: Relay, postfix: Postfix, smtp: smtplib.SMTP
) -> None:
    first, second = relay.readers(2)
    stranger = relay.stranger()
    refused = smtp.sendmail(NEWS, [first, stranger, second], newsletter(NEWS, "members@brand.example"))
    assert set(refused) == {stranger}
    assert refused[stranger][0] == 550
    assert refused[stranger][1].startswith(b"5.7.1 no-consent: ")
    copies = [postfix.wait_for(first), postfix.wait_for(second)]
    for copy in copies:
        assert_newsletter_for(copy)
        assert by_dkimpy(copy, relay.dns) == {"news.brand.example"}
    assert unsubscribe_url(copies[0]) != unsubscribe_url(copies[1])
    assert postfix.delivered_to(stranger) == []


def test_a_recipient_named_twice_gets_one_copy(relay: Relay, postfix: Postfix, smtp: smtplib.SMTP) -> None:
    reader = relay.reader()
    smtp.sendmail(NEWS, [reader, reader], newsletter(NEWS, reader))
    postfix.wait_for(reader)


def test_blind_copies_stay_blind(relay: Relay, postfix: Postfix, smtp: smtplib.SMTP) -> None:
    shown, hidden = relay.readers(2)
    message = b"Bcc: " + hidden.encode() + b"\r\nX-Consent-Stream: newsletter\r\n" + newsletter(NEWS, shown)
    smtp.sendmail(NEWS, [shown, hidden], message)
    for reader, other in ((shown, hidden), (hidden, shown)):
        head = postfix.wait_for(reader).partition(b"\r\n\r\n")[0]
        assert b"\nBcc:" not in head
        assert b"X-Consent-Stream" not in head
        if other == hidden:
            assert hidden.encode() not in head


def test_the_next_hop_refusing_one_of_three_keeps_nothing_from_the_others(
    relay: Relay, postfix: Postfix, smtp: smtplib.SMTP
) -> None:
    first, second = relay.readers(2)
    refused = relay.reader(local="refused")
    smtp.mail(NEWS)
    assert [smtp.rcpt(one)[0] for one in (first, refused, second)] == [250, 250, 250]
    code, text = smtp.data(newsletter(NEWS, "members@brand.example"))
    assert (code, text.startswith(b"2.0.0 queued 3 (id ")) == (250, True), text
    assert postfix.wait_for(first)
    assert postfix.wait_for(second)
    assert outcomes(relay, text, 3) == ["delivered", "delivered", "refused"]
    assert postfix.delivered_to(refused) == []


def test_the_next_hop_deferring_one_of_two_keeps_that_one_here(
    relay: Relay, postfix: Postfix, smtp: smtplib.SMTP
) -> None:
    first = relay.reader()
    later = relay.reader(local="later")
    smtp.mail(NEWS)
    for one in (first, later):
        assert smtp.rcpt(one)[0] == 250
    code, text = smtp.data(newsletter(NEWS, "members@brand.example"))
    assert (code, text.startswith(b"2.0.0 queued 2 (id ")) == (250, True), text
    postfix.wait_for(first)
    assert outcomes(relay, text, 2) == ["deferred", "delivered"]


def test_those_who_have_to_say_yes_anew_are_held_beside_those_who_get_theirs(
    relay: Relay, postfix: Postfix, smtp: smtplib.SMTP
) -> None:
    first = relay.reader()
    old = relay.reader_of_long_ago()
    smtp.mail(NEWS)
    for one in (first, old):
        assert smtp.rcpt(one)[0] == 250
    code, text = smtp.data(newsletter(NEWS, "members@brand.example"))
    assert (code, text.startswith(b"2.0.0 queued 1, held 1 (id ")) == (250, True), text
    postfix.wait_for(first)
    assert postfix.delivered_to(old) == []


def outcomes(relay: Relay, text: bytes, count: int) -> list[str]:
    """What `log query` says became of the message whose id stands in the reply, once it knows of so many."""
    message = text.decode().rpartition("(id ")[2].rstrip(") ")

    def known() -> list[str]:
        found = relay.printed("log", "query", "--id", message)
        results = sorted(outcome["result"] for one in found for outcome in one["outcomes"])
        return results if len(results) >= count else []

    return until(known, relay.output)
