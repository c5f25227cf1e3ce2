"""Pitfalls of header fields: folding, doubling, injection, and links that a scanner opens."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes

import dkim
import pytest
from message.rebuilt import (
    HEADERS_ONLY,
    body_of,
    copy,
    mail,
    many,
    read,
    text,
    typed,
)
from rewritten import COMMERCIAL, FACTS, LINK, SIGNERS, rewritten
from web.serving import TroubledStore, running_site, shop_policies, token_for

from relay.message.dkim import dns_record
from relay.message.links import MAX_URL
from relay.message.rules import Existing, Rules


def test_30_header_fields_keep_their_octets() -> None:
    """https://github.com/python/cpython/issues/79062, https://github.com/python/cpython/issues/114362,
    https://github.com/python/cpython/issues/121284
    """
    fields = (
        b"Subject:=?UTF-8?Q?caf=c3=a9?=\r\n =?utf-8?b?5paw?=\r\nX-Odd : a\r\n\tb  \r\nX-Empty:\r\nx-lower: 1\r\nX-8bit: th\xe9\r\n"
        b'From: "Brand, Inc." <n@brand.example> (tea)\r\nReferences: <a@b>\r\n\t<c@d>\r\n'
        b"X-Long: " + b"a" * 1500 + b"\r\n"
        b"Date: now\r\nMessage-ID: <1@b>\r\n"
    )
    assert fields + b"\r\ntea\r\n" in copy(fields + b"\r\ntea\r\n")


def test_31_list_unsubscribe_is_plain_ascii_in_one_line() -> None:
    """https://github.com/odoo/odoo/pull/289182, https://github.com/jstedfast/MimeKit/issues/260"""
    link = "https://mail.brand.example/u/k1." + "A" * 600
    result = copy(mail(b"", b"tea\r\n"), "ja", link=link)
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in result


def test_32_fields_are_folded_only_after_a_comma_and_begin_on_their_first_line() -> None:
    """https://github.com/wttw/aboutmyemail/issues/56, https://github.com/nodemailer/nodemailer/issues/1654"""
    old = (
        b"List-Unsubscribe:\r\n <https://old.example/u>,\r\n <mailto:leave@old.example?subject=" + b"x" * 300 + b">\r\n"
    )
    for rules in (COMMERCIAL, replace(COMMERCIAL, existing=Existing.COMBINE)):
        result = copy(mail(old, b"tea\r\n"), rules=rules, link=LINK + "A" * 500)
        (field,) = re.findall(rb"^List-Unsubscribe:(?:[^\r]|\r\n[ \t])*", result, re.MULTILINE)
        assert field.startswith(f"List-Unsubscribe: <{LINK}".encode())
        assert all(line.rstrip().endswith((b",", b">")) for line in field.split(b"\r\n"))
    signature = rewritten(mail(b"", b"tea\r\n"), sign=True).content or b""
    assert signature.startswith(b"DKIM-Signature: v=1;")


def test_33_no_line_of_ours_is_too_long_and_one_of_others_is_not_signed() -> None:
    """https://github.com/grommunio/gromox/issues/360, https://github.com/rspamd/rspamd/issues/5323,
    https://github.com/trusteddomainproject/OpenDKIM/issues/133
    """
    link = LINK + "A" * (MAX_URL - len(LINK))
    result = copy(mail(b"", b"tea\r\n"), link=link)
    assert max(map(len, result.split(b"\r\n"))) <= 998
    with pytest.raises(ValueError, match="URL"):
        rewritten(mail(b"", b"tea\r\n"), link=link + "A" * 20)
    long = rewritten(mail(b"References: " + b"<a@b> " * 300 + b"\r\n", b"tea\r\n"), sign=True).content or b""
    listed = re.search(rb"h=([^;]*)", long)
    assert listed is not None
    assert b"references" not in re.sub(rb"\s", b"", listed[1]).split(b":")


@pytest.mark.parametrize("existing", list(Existing))
def test_34_there_are_never_two_list_unsubscribe_fields(existing: Existing) -> None:
    """https://github.com/floci-io/floci/pull/1875, https://github.com/nodemailer/nodemailer/issues/1672"""
    old = b"List-Unsubscribe: <https://old.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    result = message_from_bytes(copy(mail(old * 2, b"tea\r\n"), rules=replace(COMMERCIAL, existing=existing)))
    (field,) = result.get_all("List-Unsubscribe", [])
    assert len(result.get_all("List-Unsubscribe-Post", [])) == 1
    assert (LINK in field) == (existing is not Existing.KEEP)
    assert ("old.example" in field) == (existing is Existing.KEEP)


def test_35_both_unsubscribe_fields_are_signed_and_none_can_be_put_before_them() -> None:
    """https://github.com/rspamd/rspamd/pull/3496, https://github.com/stalwartlabs/stalwart/issues/3295,
    https://github.com/mailcow/mailcow-dockerized/issues/648
    """
    record = dns_record(SIGNERS[0].key).encode()
    result = rewritten(mail(b"", b"tea\r\n"), sign=True).content or b""
    listed = re.search(rb"h=([^;]*)", result)
    assert listed is not None
    names = re.sub(rb"\s", b"", listed[1]).split(b":")
    assert names.count(b"list-unsubscribe") == names.count(b"list-unsubscribe-post") == 2
    assert dkim.verify(result, dnsfunc=lambda name, timeout=5: record)
    for more in (
        b"List-Unsubscribe: <https://evil.example/>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    ):
        assert not dkim.verify(more + result, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("bad", ["\r\nBcc: x@evil.example", "\n", "\0", "é", "<", ">", " "])
def test_36_nothing_can_be_injected_through_a_url_an_id_or_a_value(bad: str) -> None:
    """https://github.com/loopingz/smtp-relay/pull/238, https://github.com/apache/commons-net/pull/397"""
    with pytest.raises(ValueError, match="URL"):
        rewritten(mail(b"", b"tea\r\n"), link=f"{LINK}{bad}x")
    with pytest.raises(ValueError, match="list id"):
        rewritten(mail(b"", b"tea\r\n"), rules=replace(COMMERCIAL, list_id=f"news.{bad}example"))
    if bad != "é":
        facts = replace(FACTS["en"], sender=f"Brand{bad}", contact=f"a@b.example{bad}", source=bad)
        for content in (mail(b"", b"tea\r\n"), mail(typed("text/html", "utf-8", "7bit"), b"<body>tea</body>\r\n")):
            result = copy(content, facts=facts)
            assert b"\r\nBcc" not in result
            assert b"\0" not in result


def test_37_a_scanner_that_opens_every_link_stops_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """https://github.com/usesend/useSend/issues/412, https://github.com/SparkDevNetwork/Rock/issues/7034"""
    store = TroubledStore()
    with running_site() as site:
        site.show(store, shop_policies(tmp_path_factory.mktemp("policies")))
        link = f"https://mail.brand.example/u/{token_for()}"
        page = read(copy(mail(typed("text/html", "utf-8", "7bit"), b"<body>tea</body>\r\n"), link=link))
        (path,) = re.findall(r'href="https://mail\.brand\.example(/u/[^"]*)"', page)
        assert [site.ask(method, path).status for method in ("GET", "HEAD")] == [200, 200]
        assert store.appended == []
        assert site.ask("POST", path, "List-Unsubscribe=One-Click").status == 200
        assert len(store.appended) == 1


def test_38_mail_that_is_no_mailing_offers_nothing_to_leave() -> None:
    """https://github.com/knadh/listmonk/issues/2619"""
    receipt = rewritten(mail(b"", b"your order\r\n"), rules=Rules(commercial=False)).content or b""
    report = many(text("failed"), b"Content-Type: message/delivery-status\r\n\r\nAction: failed", kind="report")
    answer = mail(b"Auto-Submitted: auto-replied\r\n", b"I am away\r\n")
    for result in (receipt, copy(report, rules=HEADERS_ONLY), copy(answer)):
        assert "List-Unsubscribe" not in message_from_bytes(result)
        assert "List-Unsubscribe-Post" not in message_from_bytes(result)
    assert body_of(copy(report, rules=HEADERS_ONLY)) == body_of(report)
