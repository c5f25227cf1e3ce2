"""A relay with a policy for every choice about messages and two keys, and every kind of mail sent through it."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from integration.kinds import Kind
from integration.serving import Relay, dkim_record, relay_in_folder

_MESSAGE_TABLES: Final = {
    "reject": 'undisclosable = "reject"',
    "headers-only": 'undisclosable = "headers-only"',
    "wrap": 'undisclosable = "wrap"',
    "amp-drop": 'amp = "drop"',
    "amp-undisclosable": 'amp = "undisclosable"',
    "existing-keep": 'existing_list_unsubscribe = "keep"',
    "existing-combine": 'existing_list_unsubscribe = "combine"',
    "charset-keep": 'charset = "keep"',
    "signatures-keep": 'old_signatures = "keep"',
    "extra-fields": 'feedback_id = "brand"\ncfbl_address = "reports@brand.example"\nprecedence = "bulk"\nauto_submitted = true',
    "transactional": "",
}  # fmt: skip
_POLICY: Final = """\
version = 1
[stream]
id = "{variant}"
brand = "brand"
kind = "{kind}"
purpose = {{ en = "Product news", ja = "新商品のお知らせ" }}
audience = {{ en = "members", ja = "会員の方" }}
{list_id}
[sender]
name = "Brand K.K."
postal_address = "1-2-3 Ginza, Chuo-ku, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
mail_from = ["*@{variant}.brand.example"]
[message]
{message}
"""
_KEY: Final = 'selector = "{selector}"\nkey = "var/keys/news.brand.example.{selector}.pem"\n'


@dataclass(frozen=True, slots=True)
class Delivery:
    kind: Kind
    reader: str
    #: What the relay said after DATA, as text.
    said: str


@contextmanager
def relay_with_two_keys(hop: int) -> Iterator[Relay]:
    policies = {variant: policy(variant) for variant in _MESSAGE_TABLES}
    default = "".join(
        f'[[dkim.default]]\ndomain = "relay.brand.example"\n{_KEY}'.format(selector=one) for one in ("s1", "e1")
    )
    with relay_in_folder(hop, more_policies=policies, more_config=default) as relay:
        config = relay.folder / "relay.toml"
        text = config.read_text("utf-8")
        own = '[[dkim."news.brand.example"]]\n'
        for before, after in (
            ('[dkim."news.brand.example"]\n', own + _KEY.format(selector="e1") + own),
            ('senders = ["*@news.brand.example", "*@shop.brand.example", "<>"]', 'senders = ["*"]'),
        ):
            assert text.count(before) == 1
            text = text.replace(before, after)
        config.write_text(text, "utf-8")
        record = dkim_record(
            relay.command("keys", "generate", "news.brand.example", "--selector", "e1", "--type", "ed25519").stdout
        )
        assert "k=ed25519" in record
        for domain in ("news.brand.example", "relay.brand.example"):
            relay.dns[f"e1._domainkey.{domain}"] = record
        relay.dns["s1._domainkey.relay.brand.example"] = relay.dns["s1._domainkey.news.brand.example"]
        relay.start()
        yield relay
        relay.stop()


def policy(variant: str) -> str:
    commercial = variant != "transactional"
    return _POLICY.format(
        variant=variant,
        kind="commercial" if commercial else "transactional",
        list_id=f'list_id = "{variant}.brand.example"' if commercial else "",
        message=_MESSAGE_TABLES[variant],
    )


def sent(relay: Relay, kinds: Sequence[Kind]) -> Iterator[Delivery]:
    """Each message to a reader of its own, over one connection, as a mailer does."""
    readers = [f"kind{number}@reader.example" for number in range(len(kinds))]
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    rows = ["address,stream,basis,at,act,confirmed_at,language"]
    for kind, reader in zip(kinds, readers, strict=True):
        if kind.variant != "transactional":
            rows.append(f"{reader},{kind.variant},double-opt-in,{at},clicked,{at},{kind.language}")
    file = relay.folder / "kinds.csv"
    file.write_text("\n".join([*rows, ""]), "utf-8")
    relay.command("consent", "import", str(file))
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=60) as smtp:
        for kind, reader in zip(kinds, readers, strict=True):
            yield Delivery(kind, reader, said(smtp, f"bounces@{kind.variant}.brand.example", reader, kind.content))


def said(smtp: smtplib.SMTP, sender: str, reader: str, content: bytes) -> str:
    """Empty for a message that was taken. Nothing is changed here, which smtplib's own sendmail would do to line ends."""
    options = [] if content.isascii() else ["BODY=8BITMIME"]
    smtp.ehlo_or_helo_if_needed()
    for code, text in (smtp.mail(sender, options), smtp.rcpt(reader), smtp.docmd("DATA")):
        assert code in (250, 354), f"{code} {text!r}"
    dotted = re.sub(rb"(?m)^\.", b"..", content)
    smtp.send(dotted + (b".\r\n" if dotted.endswith(b"\r\n") else b"\r\n.\r\n"))
    code, text = smtp.getreply()
    return "" if code == 250 else f"{code} {text.decode()}"
