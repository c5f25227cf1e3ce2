"""Mailers as the world has them, each sending one message to one recipient through the relay's plain listener."""

from __future__ import annotations

import json
import os
import re
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
#: Where Debian's Node packages lie; Node builds from elsewhere do not look there by themselves.
_NODE_PATH: Final = "/usr/share/nodejs:/usr/lib/nodejs"


@dataclass(frozen=True, slots=True)
class Sent:
    """accepted: did the client see success? said: what it showed its user."""

    accepted: bool
    said: str

    @property
    def decision(self) -> str:
        """The id that stands in the relay's reply."""
        found = re.search(r"\(id ([0-9A-Z]{26})\)", self.said)
        assert found, f"no id in {self.said!r}"
        return found[1]


def by_smtplib(port: int, sender: str, recipient: str, message: bytes) -> Sent:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        try:
            smtp.sendmail(sender, [recipient], message, mail_options=_eight_bit(message))
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[recipient]
            return Sent(accepted=False, said=f"{code} {text.decode()}")
        except smtplib.SMTPResponseException as error:
            words = error.smtp_error.decode() if isinstance(error.smtp_error, bytes) else error.smtp_error
            return Sent(accepted=False, said=f"{error.smtp_code} {words}")
    return Sent(accepted=True, said="")


def by_swaks(port: int, sender: str, recipient: str, message: bytes, *more: str) -> Sent:
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(message)
        file.flush()
        to = ("--server", "127.0.0.1", "--port", str(port), "--helo", "mailer.brand.example")
        envelope = ("--from", sender, "--to", recipient)
        return _run("swaks", *to, *envelope, "--data", f"@{file.name}", *more)


def by_msmtp(port: int, sender: str, recipient: str, message: bytes) -> Sent:
    to = ("--host=127.0.0.1", f"--port={port}", "--auth=off", "--tls=off", "--timeout=60")
    return _run("msmtp", *to, f"--from={sender}", "--", recipient, given=message.replace(b"\r\n", b"\n"))


def by_nodemailer(port: int, sender: str, recipient: str, message: bytes) -> Sent:
    order = {"port": port, "from": sender, "to": recipient, "raw": message.decode("latin-1")}
    environ = {**os.environ, "NODE_PATH": _NODE_PATH}
    return _run("node", str(_HERE / "send_nodemailer.js"), given=json.dumps(order).encode(), environ=environ)


CLIENTS: Final[Mapping[str, Callable[[int, str, str, bytes], Sent]]] = {
    "smtplib": by_smtplib,
    "swaks": by_swaks,
    "msmtp": by_msmtp,
    "nodemailer": by_nodemailer,
}


def missing_for(client: str) -> str:
    """Why this client cannot run here, "" when it can."""
    program = {"smtplib": "python3", "nodemailer": "node"}.get(client, client)
    if not shutil.which(program):
        return f"{program} is not installed"
    if client == "nodemailer":
        probe = ("node", "-e", "require('nodemailer')")
        environ = {**os.environ, "NODE_PATH": _NODE_PATH}
        if subprocess.run(probe, env=environ, capture_output=True, check=False).returncode:
            return "node-nodemailer is not installed"
    return ""


def _run(*command: str, given: bytes = b"", environ: dict[str, str] | None = None) -> Sent:
    result = subprocess.run(command, input=given, capture_output=True, timeout=90, check=False, env=environ)
    return Sent(result.returncode == 0, (result.stdout + result.stderr).decode("utf-8", "replace"))


def _eight_bit(message: bytes) -> list[str]:
    return [] if message.isascii() else ["BODY=8BITMIME"]
