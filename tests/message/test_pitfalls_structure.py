"""Pitfalls of MIME structure: parts, delimiters and attachments that a footer moved or lost elsewhere."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes

from message.rebuilt import (
    HEADERS_ONLY,
    PNG,
    WRAP,
    body_of,
    copy,
    leaves,
    mail,
    many,
    mixed,
    payload,
    refused,
    text,
    typed,
)
from rewritten import COMMERCIAL, LINK, rewritten

from relay.message.rules import Amp


def test_12_delimiters_stay_where_they_are_and_attachments_inside() -> None:
    """https://github.com/mailcow/mailcow-dockerized/issues/5892, https://github.com/rspamd/rspamd/pull/5334"""
    attachment = (
        b"Content-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + PNG
    )
    alternative = mixed(text(), text("<p>tea", "text/html"), kind="alternative", boundary="inner")
    content = many(alternative, attachment)
    result = copy(content)
    assert [line for line in result.split(b"\r\n") if line.startswith(b"--")] == [
        line for line in content.split(b"\r\n") if line.startswith(b"--")
    ]
    assert [part.get_content_type() for part in leaves(result)] == ["text/plain", "text/html", "image/png"]
    assert payload(leaves(result)[2]) == bytes(range(90))


def test_13_eighteen_forwarded_messages_stay_eighteen() -> None:
    """https://github.com/rspamd/rspamd/issues/6170, https://github.com/mailcow/mailcow-dockerized/issues/7399"""
    inner = mail(b"", b"")[:-2] + mixed(text(), text("<p>tea</p>", "text/html"), kind="alternative", boundary="b-")
    forwarded = [b"Content-Type: message/rfc822\r\n\r\n" + inner] * 18
    content = many(text("See below"), *forwarded)
    result = copy(content)
    assert sum(part.get_content_type() == "message/rfc822" for part in message_from_bytes(result).walk()) == 18
    assert result.count(inner) == 18
    assert result.count(LINK.encode()) == 2  # the header field, and the one text that is ours to edit


def test_14_no_stray_dashes_before_parts_whose_first_field_is_not_content_type() -> None:
    """https://github.com/mailcow/mailcow-dockerized/issues/7480, https://github.com/mailcow/mailcow-dockerized/pull/5546"""
    odd = (
        b"Content-ID: <1>\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<p>tea"
    )
    content = many(b"X-Part: 1\r\n" + text(), odd, kind="alternative")
    result = copy(content)
    assert b"\r\n--\r\n" not in result
    assert b"\r\n--b\r\nX-Part: 1\r\nContent-Type: text/plain" in result
    assert b"\r\n--b\r\nContent-ID: <1>\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: text/html" in result


def test_15_a_message_without_footer_says_so_and_why() -> None:
    """https://github.com/mailcow/mailcow-dockerized/issues/7398"""
    for content in (
        many(text(), b"Content-Type: application/pgp-signature\r\n\r\nx", kind="signed"),
        mail(typed("text/plain", "x-own"), b"t\xe9\r\n"),
    ):
        assert rewritten(content, "en", HEADERS_ONLY).why
        assert refused(content)
    assert rewritten(many(text(), text("<p>x", "text/html"), kind="alternative"), "en", HEADERS_ONLY).why == ""


def test_16_nothing_is_serialised_anew() -> None:
    """https://github.com/python/cpython/issues/105333, https://github.com/python/cpython/issues/153822"""
    inner = mixed(text(), text("<p>tea", "text/html"), kind="alternative", boundary="inner").removesuffix(b"\r\n")
    content = many(inner, b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR")
    assert b"--inner--\r\n--b\r\n" in content
    assert b"--inner--\r\n--b\r\n" in copy(content)
    folded = b'Content-Type: text/plain; protected-headers="v1"\r\nSubject: one\r\n  two\r\n\r\ntea'
    signed = many(folded, b"Content-Type: application/pgp-signature\r\n\r\nx", kind="signed")
    assert copy(signed, rules=HEADERS_ONLY).endswith(body_of(signed))


def test_17_apple_mails_text_picture_text_gets_one_footer_at_its_end_and_so_does_each_alternative() -> None:
    """https://github.com/php-mime-mail-parser/php-mime-mail-parser/issues/164,
    https://github.com/hypermail-project/hypermail/issues/52
    """
    pdf = (
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: inline; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + PNG
    )
    branch = (
        text("<html><body>Before</body></html>", "text/html"),
        pdf,
        text("<html><body>After</body></html>", "text/html"),
    )
    before, _, after = leaves(copy(many(*branch)))
    assert LINK.encode() not in payload(before)
    assert payload(after).count(LINK.encode()) == 1
    plain, before, _, after = leaves(copy(many(text(), mixed(*branch, boundary="m"), kind="alternative")))
    assert [payload(part).count(LINK.encode()) for part in (plain, before, after)] == [1, 0, 1]


def test_18_no_text_part_is_put_beside_html_and_one_that_is_needed_is_no_attachment() -> None:
    """https://github.com/mozilla-b2g/gaia/pull/22088"""
    page = text("<html><body>tea</body></html>", "text/html")
    assert (
        len(leaves(copy(many(page, b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + PNG))))
        == 2
    )
    picture = mail(
        b"Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n",
        PNG,
    )
    sealed = many(text(), b"Content-Type: application/pgp-signature\r\n\r\nx", kind="signed")
    for content, place in ((picture, 0), (sealed, -1)):
        part = leaves(copy(content, rules=WRAP))[place]
        assert part.get_content_type() == "text/plain"
        assert part.get_content_disposition() == "inline"
        assert part.get_filename() is None
        assert LINK.encode() in payload(part)


def test_19_mail_files_and_calendars_are_not_the_text() -> None:
    """https://github.com/zone-eu/mailsplit/pull/14, https://github.com/yakamara/redaxo_prozer/issues/204"""
    eml = (
        b'Content-Type: message/rfc822; name="a.eml"\r\nContent-Disposition: attachment; filename="a.eml"\r\n\r\n'
        + mail(b"", b"old tea\r\n")
    )
    octets = b'Content-Type: application/octet-stream; name="b.eml"\r\nContent-Disposition: attachment\r\n\r\nSubject: x\r\n\r\ntea'
    invitation = (
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nDESCRIPTION:tea\r\nEND:VCALENDAR"
    )
    content = many(text(), eml, octets, invitation)
    result = copy(content)
    for part in (eml, octets, invitation):
        assert part in result
    assert payload(leaves(result)[0]).count(LINK.encode()) == 1


def test_20_a_length_or_digest_of_the_old_body_goes_and_of_other_parts_stays() -> None:
    """https://github.com/rspamd/rspamd/pull/5334"""
    stale = b"Content-Length: 5\r\nContent-MD5: Q2hlY2s=\r\nLines: 1\r\n"
    picture = b"Content-Type: image/png\r\nContent-Length: 122\r\nContent-Transfer-Encoding: base64\r\n\r\n" + PNG
    first, second = leaves(copy(many(stale + text(), picture)))
    assert [first[name] for name in ("Content-Length", "Content-MD5", "Lines")] == [None, None, None]
    assert second["Content-Length"] == "122"


def test_21_what_cannot_be_understood_passes_unchanged_and_crashes_nothing() -> None:
    """https://github.com/sympa-community/sympa/issues/409, https://github.com/sympa-community/sympa/pull/1455"""
    attached = typed("text/plain", "x-unheard-of") + b"Content-Disposition: attachment; filename=a.txt\r\n\r\nt\xe9"
    assert attached in copy(many(text(), attached))
    broken = mail(b"Content-Type: multipart/signed\r\n", b"--none\r\n\r\ntea\r\n")
    assert body_of(copy(broken, rules=HEADERS_ONLY)) == body_of(broken)
    assert refused(broken)


def test_22_amp_is_never_edited_and_the_policy_says_whether_it_may_stay() -> None:
    """https://amp.dev/documentation/guides-and-tutorials/learn/email-spec/amp-email-structure"""
    amp = typed("text/x-amp-html", "utf-8", "7bit") + b"\r\n<!doctype html><html amp4email><body>tea</body></html>"
    content = many(text(), amp, text("<html><body>tea</body></html>", "text/html"), kind="alternative")
    kept = copy(content, rules=replace(COMMERCIAL, amp=Amp.KEEP))
    assert amp in kept
    assert [payload(part).count(LINK.encode()) for part in leaves(kept)] == [1, 0, 1]
    dropped = copy(content, rules=replace(COMMERCIAL, amp=Amp.DROP))
    assert [payload(part).count(LINK.encode()) for part in leaves(dropped)] == [1, 1]
    assert refused(content, replace(COMMERCIAL, amp=Amp.UNDISCLOSABLE))
