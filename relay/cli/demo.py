"""`consent-relay demo`: relay, web and a capturing next hop in a temporary folder, with people in every status.

Everything real: the mail goes through SMTP, the decisions into a store, the copies to a next hop that keeps them.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import os
import re
import secrets
import signal
import smtplib
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session
from rich.console import Console
from rich.table import Table

from relay import log
from relay.app import running
from relay.cli import CommandError
from relay.cli.samples import SAMPLES, Sample, consents
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.decision import new_id
from relay.message.dkim import generate
from relay.store.port import Store

#: Ports of the embedded defaults; others are taken when somebody already listens there.
_SMTP_PORT: Final = 2525
_WEB_PORT: Final = 8025
_STREAM: Final = "newsletter"
_BRAND: Final = "brand"
_DELIVERED: Final = re.compile(r"\(id ([0-9A-Z]{26})\)")
_HEADERS_SHOWN: Final = ("From", "To", "Subject", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post")

_CONFIG: Final = """\
[identity]
hostname = "relay.brand.example"
mail_domain = "relay.brand.example"
[[listener]]
address = "127.0.0.1:{smtp}"
[[client]]
name = "local"
networks = ["127.0.0.0/8"]
[[next_hop]]
address = "127.0.0.1:{next_hop}"
[web]
address = "127.0.0.1:{web}"
public_url = "http://127.0.0.1:{web}"
[dkim.default]
selector = "demo"
domain = "brand.example"
key = "var/keys/brand.example.demo.pem"
[log]
path = "relay.log"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="exit after the table instead of staying up to be tried")


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="consent-relay-demo-") as folder:
        try:
            asyncio.run(_demo(Path(folder), once=arguments.once))
        except OSError as error:
            raise CommandError(f"the demo cannot run here: {error}") from None
    return 0


@dataclass(slots=True)
class _NextHop:
    """Takes all mail and keeps it by recipient: what the real MTA would have got."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        for recipient in envelope.rcpt_tos:
            self.kept[recipient] = bytes(envelope.content or b"")
        return "250 2.0.0 kept by the demo's next hop"


@dataclass(frozen=True, slots=True)
class _Sent:
    sample: Sample
    code: int
    text: str


async def _demo(folder: Path, *, once: bool) -> None:
    console = Console(highlight=False)
    next_hop = _NextHop()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(next_hop, hostname="next-hop.example", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    async with server:
        settings = _settings(folder, server.sockets[0].getsockname()[1])
        log.configure(settings.log.path)
        async with running(settings) as relay:
            await _load(relay.store)
            sent = await asyncio.to_thread(_send_all, settings)
            console.print(_table(sent))
            _show_one(console, next_hop.kept, settings)
            if not once:
                _how_to_go_on(console, settings, folder)
                await _until_stopped()


def _settings(folder: Path, next_hop: int) -> Settings:
    key = folder / "var" / "keys" / "brand.example.demo.pem"
    key.parent.mkdir(parents=True, mode=0o700)
    key.write_bytes(generate("rsa"))
    config = folder / "relay.toml"
    config.write_text(_CONFIG.format(smtp=_free(_SMTP_PORT), web=_free(_WEB_PORT), next_hop=next_hop))
    return load_settings(config, {})


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _load(store: Store) -> None:
    now = datetime.now(UTC)
    await store.append(consents(_BRAND, _STREAM, now, lambda: new_id(now, secrets.token_bytes(10))))


def _send_all(settings: Settings) -> list[_Sent]:
    address = settings.listeners[0].address
    sent = []
    with smtplib.SMTP(address.host, address.port) as client:
        for sample in SAMPLES:
            client.ehlo_or_helo_if_needed()
            answers = (
                lambda s=sample: client.mail(s.sender),
                lambda s=sample: client.rcpt(s.recipient),
                lambda s=sample: client.data(s.message(s.sender, s.recipient)),
            )
            for ask in answers:
                code, text = ask()
                if code >= 400:
                    break
            if code >= 400:
                client.rset()
            sent.append(_Sent(sample, code, text.decode()))
    return sent


def _table(sent: Sequence[_Sent]) -> Table:
    table = Table(title="What became of the sample mail", title_justify="left", show_lines=False)
    for heading in ("recipient", "what the ledger knows", "verdict", "reason", "SMTP reply"):
        table.add_column(heading, overflow="fold")
    for one in sent:
        verdict, reason = _verdict(one)
        colour = {"deliver": "green", "reject": "red"}.get(verdict, "yellow")
        reply = f"{one.code} {_DELIVERED.sub('', one.text).strip()}"
        table.add_row(one.sample.recipient, one.sample.story, f"[{colour}]{verdict}[/]", reason, reply)
    return table
