"""A relay as a user runs it: relay.toml and policies in a folder, commands on the command line, `consent-relay serve`.

Knows the command and its files only, nothing of the code behind them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from itertools import count
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from integration.certificates import Authority
from patience import LONG, until
from ports import free_port

NEWS: Final = "news@news.brand.example"
SHOP: Final = "orders@shop.brand.example"
PUBLIC_URL: Final = "https://mail.brand.example"
PASSWORD: Final = "correct horse battery staple"

_NEWSLETTER: Final = """\
version = 1
[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
purpose = { en = "Product news", ja = "新商品のお知らせ" }
audience = { en = "members", ja = "会員の方" }
list_id = "newsletter.brand.example"
[sender]
name = "Brand K.K."
postal_address = "1-2-3 Ginza, Chuo-ku, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
mail_from = ["*@news.brand.example"]
[consent]
accept = ["double-opt-in", "single-opt-in"]
[[expect]]
given = {}
verdict = "reject"
reason = "no-consent"
"""

_RECEIPTS: Final = """\
version = 1
[stream]
id = "receipts"
brand = "brand"
kind = "transactional"
purpose = { en = "Receipts" }
[[match]]
mail_from = ["*@shop.brand.example"]
"""

_SYSTEM: Final = """\
version = 1
[stream]
id = "system"
brand = "brand"
kind = "system"
purpose = { en = "Reports" }
[[match]]
mail_from = ["<>"]
"""

#: {plain}, {secure}, {web}, {hop}: ports. One client comes from the loopback network, one logs in.
_CONFIG: Final = """\
policies = "policies"
[identity]
hostname = "relay.brand.example"
[[listener]]
address = "127.0.0.1:{plain}"
login = "off"
[[listener]]
address = "127.0.0.1:{secure}"
tls = "starttls"
certificate = "relay.pem"
key = "relay.key"
login = "required"
[[client]]
name = "local"
networks = ["127.0.0.0/8"]
senders = ["*@news.brand.example", "*@shop.brand.example", "<>"]
{client_settings}
[[client]]
name = "mailer"
password = "{password}"
senders = ["*"]
[[next_hop]]
address = "127.0.0.1:{hop}"
{hop_settings}
[web]
address = "127.0.0.1:{web}"
public_url = "{public_url}"
[dkim."news.brand.example"]
selector = "s1"
key = "var/keys/news.brand.example.s1.pem"
[dkim."shop.brand.example"]
selector = "s1"
key = "var/keys/shop.brand.example.s1.pem"
[log]
path = "relay.log"
[workers]
processes = {processes}
"""


#: Keys for DKIM by domain: what is in the file, and the record.
_MADE: Final[dict[str, tuple[bytes, str]]] = {}
#: Across relays, because tests of several files look into one Postfix.
_NUMBERS: Final = count(1)


@dataclass(slots=True)
class Relay:
    folder: Path
    plain: int
    secure: int
    web: int
    dns: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    # --- commands

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            (sys.executable, "-m", "relay", *arguments, "-c", self.folder / "relay.toml"),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        if check:
            assert result.returncode == 0, f"consent-relay {' '.join(arguments)}:\n{result.stdout}{result.stderr}"
        return result

    def printed(self, *arguments: str) -> list[Any]:
        """What a command with --json prints: one value, or one a line."""
        text = self.command(*arguments, "--json").stdout
        try:
            value = json.loads(text)
        except ValueError:
            return [json.loads(line) for line in text.splitlines()]
        return value if isinstance(value, list) else [value]

    # --- people

    def reader(self, *, local: str = "reader") -> str:
        """The next address with consent to the newsletter."""
        return self.readers(1, local=local)[0]

    def readers(self, number: int, *, local: str = "reader") -> list[str]:
        addresses = [f"{local}{next(_NUMBERS)}@reader.example" for _ in range(number)]
        self.consenting(addresses)
        return addresses

    def consenting(self, addresses: Sequence[str]) -> None:
        at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        rows = [f"{address},newsletter,double-opt-in,{at},clicked,{at}" for address in addresses]
        file = self.folder / f"people{next(_NUMBERS)}.csv"
        file.write_text("\n".join(["address,stream,basis,at,act,confirmed_at", *rows, ""]), "utf-8")
        self.command("consent", "import", str(file))

    def reader_of_long_ago(self) -> str:
        """Somebody whose yes is two years old, without any mail since."""
        address = f"old{next(_NUMBERS)}@reader.example"
        at = (datetime.now(UTC) - timedelta(days=600)).isoformat()
        file = self.folder / f"people{next(_NUMBERS)}.csv"
        file.write_text(
            f"address,stream,basis,at,act,confirmed_at\n{address},newsletter,double-opt-in,{at},clicked,{at}\n"
        )
        self.command("consent", "import", str(file))
        return address

    def stranger(self, *, local: str = "stranger") -> str:
        return f"{local}{next(_NUMBERS)}@reader.example"

    # --- running

    def start(self, *options: str) -> None:
        self.process = start_and_wait(self.folder, *options)

    def stop(self, *, seconds: float = LONG) -> int:
        """SIGTERM; its exit code. seconds: more than its drain takes, so that it ends by itself."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the relay did not stop within {seconds} s:\n{self.output()}") from None

    def kill(self) -> None:
        """All its processes; when this returns, none of them holds a port, a lock or a lease any more."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_until_gone(self.process.pid)

    def output(self) -> str:
        texts = []
        for name in ("serve.out", "relay.log"):
            path = self.folder / name
            texts.append(path.read_text("utf-8", "replace")[-4000:] if path.exists() else "")
        return "\n".join(texts)

    def log(self) -> list[dict[str, Any]]:
        """A last line that is only half there yet is none."""
        whole, _, _ = (self.folder / "relay.log").read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.decode("utf-8").splitlines()]

    # --- web

    def http(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.web, timeout=60)
        try:
            connection.request(method, path, body.encode() or None, headers or {})
            response: HTTPResponse = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def start_and_wait(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """`serve` in its own process group; returns when it has told its service manager that it is ready."""
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (folder / "serve.out").open("ab") as out:
        manager.bind(str(address))
        manager.settimeout(0.2)
        process = subprocess.Popen(
            (sys.executable, "-m", "relay", "serve", *options, "-c", folder / "relay.toml"),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
            start_new_session=True,
        )
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if b"READY=1" in manager.recv(4096):
                    return process
            except TimeoutError:
                continue
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(process.pid)
    said = (folder / "serve.out").read_text("utf-8", "replace")
    raise AssertionError(f"the relay did not become ready (exit code {process.returncode}):\n{said}")


def wait_until_gone(group: int) -> None:
    """Until no process of a killed group is left: what SIGKILL ends goes on until it is its turn to run."""
    until(lambda: not _members(group), lambda: f"these do not end: {_members(group)}")


def _members(group: int) -> list[str]:
    """Zombies have ended; when their parent collects them is not ours."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended meanwhile
            state, _, of, *_ = file.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(of) == group and state not in "ZX":
                found.append(file.parent.name)
    return found


@contextmanager
def relay_in_folder(
    hop: int,
    *,
    processes: int = 1,
    hop_settings: str = "",
    client_settings: str = "",
    public_url: str = PUBLIC_URL,
    more_config: str = "",
    more_policies: dict[str, str] | None = None,
) -> Iterator[Relay]:
    """A configured relay that does not run yet. hop: port of the next hop on 127.0.0.1."""
    folder = Path(tempfile.mkdtemp(prefix="relay-"))
    relay = Relay(folder, free_port(), free_port(), free_port())
    Authority().write_certificate(folder / "relay.pem", folder / "relay.key")
    config = _CONFIG.format(
        plain=relay.plain,
        secure=relay.secure,
        web=relay.web,
        hop=hop,
        hop_settings=hop_settings,
        client_settings=client_settings,
        public_url=public_url,
        processes=processes,
        password=PasswordHasher().hash(PASSWORD),
    )
    (folder / "relay.toml").write_text(config + more_config, "utf-8")
    (folder / "policies").mkdir()
    policies = {"newsletter": _NEWSLETTER, "receipts": _RECEIPTS, "system": _SYSTEM, **(more_policies or {})}
    for name, text in policies.items():
        (folder / "policies" / f"{name}.toml").write_text(text, "utf-8")
    try:
        for domain in ("news.brand.example", "shop.brand.example"):
            relay.dns[f"s1._domainkey.{domain}"] = _give_key(relay, domain)
        yield relay
    finally:
        if relay.process is not None and relay.process.poll() is None:
            relay.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _give_key(relay: Relay, domain: str) -> str:
    """Its record. Made by the command, once; the other relays of this process get the same one."""
    name = f"{domain}.s1.pem"
    keys = relay.folder / "var" / "keys"
    if domain not in _MADE:
        relay.command("keys", "generate", domain, "--selector", "s1")
        record = dkim_record(relay.command("keys", "dns", domain).stdout)
        _MADE[domain] = ((keys / name).read_bytes(), record)
    pem, record = _MADE[domain]
    for folder in (keys.parent, keys):
        folder.mkdir(mode=0o700, exist_ok=True)
    (keys / name).touch(mode=0o600)
    (keys / name).write_bytes(pem)
    return record


@contextmanager
def running_relay(hop: int, **settings: Any) -> Iterator[Relay]:
    with relay_in_folder(hop, **settings) as relay:
        relay.start()
        yield relay
        assert relay.process is not None
        assert relay.process.poll() is None, f"the relay died:\n{relay.output()}"
        relay.stop()


def dkim_record(zone_line: str) -> str:
    """The text of a TXT record out of its zone-file line: the quoted strings, joined."""
    return "".join(zone_line.split('"')[1::2]) or zone_line.strip()
