"""`consent-relay demo`: relay, web and a capturing next hop in a temporary folder, with people in every status.

Everything real: the mail goes through SMTP, the decisions into a store, the copies to a next hop that keeps them.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import re
import secrets
import shlex
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from rich import box
from rich.console import Console
from rich.table import Table

from relay import log
from relay.app import running
from relay.cli import CommandError
from relay.cli.samples import NEWS, SAMPLES, Sample, consents
from relay.cli.stored import reader_of
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.decision import new_id
from relay.message.dkim import KeyType, generate
from relay.reason import Verdict
from relay.store.port import Store

#: Ports of the embedded defaults; others are taken when somebody already listens there.
_SMTP_PORT: Final = 2525
_WEB_PORT: Final = 8025
_STREAM: Final = "newsletter"
_BRAND: Final = "brand"
_ID: Final = re.compile(r"\(id ([0-9A-Z]{26})\)")
#: All sample mail goes there; the table names only what stands before the @.
_DOMAIN: Final = "@customer.example"
#: Whose refusal is shown as the mailer saw it.
_REFUSED: Final = "stranger"
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


@dataclass  # without slots: aiosmtpd looks through the members, which Python 3.11.2 cannot do to such a class
class _NextHop:
    """Takes all mail and keeps it by recipient: what the real MTA would have got."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        for recipient in envelope.rcpt_tos:
            self.kept[recipient] = cast(bytes, envelope.original_content)
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
            await relay.store.flush()
            console.print(_table(sent, settings))
            _show_one(console, next_hop.kept)
            refused = next(one.text for one in sent if one.sample.recipient == _REFUSED + _DOMAIN)
            console.print(f"\nWhat the mailer was told about {_REFUSED}:\n", style="bold")
            console.print(f"550 {refused}", markup=False, soft_wrap=True)
            if not once:
                _how_to_go_on(console, settings, _id_in(refused))
                await _until_stopped()


def _settings(folder: Path, next_hop: int) -> Settings:
    key = folder / "var" / "keys" / "brand.example.demo.pem"
    key.parent.mkdir(parents=True, mode=0o700)
    key.write_bytes(generate(KeyType.RSA))
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
    with smtplib.SMTP(address.host, address.port) as client:
        client.ehlo()
        return [_Sent(sample, *_send(client, sample)) for sample in SAMPLES]


def _send(client: smtplib.SMTP, sample: Sample) -> tuple[int, str]:
    """The reply that settled it: the first that says no, or the one to the message."""
    code, text = client.mail(sample.sender)
    if code < 400:
        code, text = client.rcpt(sample.recipient)
    if code < 400:
        code, text = client.data(sample.message(sample.sender, sample.recipient))
    if code >= 400:
        client.rset()
    return code, text.decode("ascii", "replace")


def _table(sent: Sequence[_Sent], settings: Settings) -> Table:
    """Fits into 80 columns."""
    title = f"What became of the sample mail to {_DOMAIN}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("recipient", "what the ledger knows", "verdict", "reason", "SMTP"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("verdict", "reason", "SMTP"))
    with reader_of(settings) as reader:
        for one in sent:
            decision = reader.found_by_id(_id_in(one.text))[0].decision
            colour = {Verdict.DELIVER: "green", Verdict.REJECT: "red"}.get(decision.verdict, "yellow")
            table.add_row(
                one.sample.recipient.removesuffix(_DOMAIN),
                one.sample.story,
                f"[{colour}]{decision.verdict}[/]",
                decision.reason,
                str(one.code),
            )
    return table


def _id_in(reply: str) -> str:
    found = _ID.search(reply)
    if found is None:
        raise CommandError(f"the relay gave an answer without an id: {reply}")
    return found[1]


def _show_one(console: Console, kept: Mapping[str, bytes]) -> None:
    """One message as the next hop got it: the fields that matter, and the text."""
    if f"hanako{_DOMAIN}" not in kept:
        raise CommandError("hanako's mail did not reach the demo's own mail server; this is a bug, please report it")
    message = email.message_from_bytes(kept[f"hanako{_DOMAIN}"], policy=email.policy.SMTP)
    console.print("\nWhat hanako got, as the next hop saw it:\n", style="bold")
    for name in _HEADERS_SHOWN:
        for value in message.get_all(name, []):
            console.print(f"{name}: {value}", markup=False, soft_wrap=True)
    signature = " ".join(str(message["DKIM-Signature"]).split())
    console.print(f"DKIM-Signature: {signature[:60]}...\n", markup=False, soft_wrap=True)
    body = message.get_body(("plain",))
    console.print("" if body is None else body.get_content(), markup=False, soft_wrap=True)
    url = str(message["List-Unsubscribe"]).strip("<>")
    console.print("Her unsubscribe page:\n", style="bold")
    console.print(url, markup=False, soft_wrap=True)


def _command() -> str:
    """What another terminal can call: the demo may run from a venv that is not on its PATH."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m relay"
    found = shutil.which(called.name)
    if found is not None and Path(found).samefile(called):
        return called.name
    return shlex.quote(str(called.absolute()))


def _how_to_go_on(console: Console, settings: Settings, refusal: str) -> None:
    smtp, config, command = settings.listeners[0].address, settings.file, _command()
    console.print("\nTry it", style="bold")
    console.print(
        f"""Open her page in a browser and press the button. Then send to her again, in another terminal; she is refused now:

  swaks --server {smtp} --from {NEWS} --to hanako{_DOMAIN}

or without swaks:

  python3 -c "import smtplib; s = smtplib.SMTP('{smtp.host}', {smtp.port}); s.ehlo(); s.mail('{NEWS}'); print(s.rcpt('hanako{_DOMAIN}'))"

Ask why:

  {command} policy explain --to hanako{_DOMAIN} --from {NEWS} -c {config}
  {command} log query --id {refusal} -c {config}
  {command} log tail -c {config}

Ctrl-C ends the demo and removes its folder.""",
        markup=False,
        soft_wrap=True,
    )


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()
