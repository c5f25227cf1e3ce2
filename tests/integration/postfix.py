"""A Postfix of our own in a temporary folder: takes mail on a free port, delivers into one Maildir, logs to a file.

Knows nothing of the relay. Needs root, as Postfix does; works without systemd, and beside a Postfix that runs already.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from patience import LONG, until
from ports import free_port

DAEMONS: Final = Path("/usr/lib/postfix/sbin")
#: It takes mail for these domains, whatever the local part.
DOMAINS: Final = ("reader.example", "xn--r8jz45g.example")
#: What it answers to some local parts at RCPT, or to the whole message after the dot.
ANSWERS: Final = {
    "refused": "550 5.1.1 mailbox unavailable",
    "later": "450 4.2.1 mailbox busy",
}
ANSWERS_AFTER_DATA: Final = {
    "toolate": "554 5.7.9 content refused",
}

_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}/log

myhostname = mx.reader.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtputf8_enable = yes
message_size_limit = 60000000
alias_maps =
alias_database =
local_recipient_maps =

virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}
virtual_mailbox_maps = static:inbox/
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}

# Nothing leaves this Postfix: it relays for nobody, and its own bounces end here.
default_transport = error:5.1.2 nothing leaves this test
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/etc/answers, reject_unauth_destination
smtpd_end_of_data_restrictions = check_recipient_access regexp:{folder}/etc/answers_after_data
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
"""

_MASTER: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def missing_for_postfix() -> str:
    """Why no Postfix can run here, "" when one can."""
    if os.geteuid() != 0:
        return "Postfix has to be started by root"
    return "" if shutil.which("postfix") and DAEMONS.is_dir() else "postfix is not installed"


@dataclass(frozen=True, slots=True)
class Postfix:
    folder: Path
    port: int

    def start(self) -> None:
        self._command("start")
        until(self._greets, lambda: f"Postfix does not answer:\n{self.log()}")

    def stop(self) -> None:
        self._command("stop")

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def kill(self) -> None:
        """At once, and whatever state it is in."""
        pid_file = self.folder / "queue" / "pid" / "master.pid"
        try:
            master = int(pid_file.read_text("ascii"))
        except (OSError, ValueError):
            return
        with suppress(ProcessLookupError):
            os.killpg(master, signal.SIGTERM)  # master leads a session of its own; its daemons end with it
        deadline = time.monotonic() + 5
        while Path(f"/proc/{master}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.killpg(master, signal.SIGKILL)

    def _command(self, verb: str) -> None:
        # Started from a pipe, Postfix would copy its messages to it for as long as it lives, and we would wait for that.
        result = subprocess.run(
            ("postfix", "-c", self.folder / "etc", verb),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LONG,
            check=False,
        )
        assert result.returncode == 0, f"postfix {verb} failed:\n{self.log()}"

    def log(self) -> str:
        path = self.folder / "log" / "mail.log"
        return path.read_text("utf-8", "replace") if path.exists() else "(no log)"

    def arrived(self) -> Iterator[bytes]:
        """Every message delivered so far, as it went over the wire but for the trace fields on top; CRLF."""
        for file in sorted((self.folder / "inbox" / "new").glob("*")):
            yield file.read_bytes().replace(b"\n", b"\r\n")

    def delivered_to(self, recipient: str) -> list[bytes]:
        header = f"Delivered-To: {recipient}\r\n".encode()
        return [message for message in self.arrived() if header in message.partition(b"\r\n\r\n")[0] + b"\r\n"]

    def wait_for(self, recipient: str) -> bytes:
        """The one message that arrives for this recipient."""
        found = until(
            lambda: self.delivered_to(recipient),
            lambda: f"nothing arrived for {recipient}:\n{self.log()[-3000:]}",
        )
        assert len(found) == 1, f"{len(found)} messages arrived for {recipient}"
        return found[0]


def with_settings(main: str, settings: Mapping[str, str]) -> str:
    """Never a name twice: every daemon would warn of it at its start, the log's own daemon too, which then waits for
    itself.
    """
    kept = [line for line in main.splitlines() if line.partition(" =")[0] not in settings]
    return "\n".join([*kept, *(f"{name} = {value}" for name, value in settings.items()), ""])


@contextmanager
def running_postfix(settings: Mapping[str, str] | None = None) -> Iterator[Postfix]:
    """settings: lines of main.cf, further ones or instead of those above."""
    # Not pytest's folder, which only its owner may enter: Postfix delivers as another user.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o755)
    for name in ("etc", "queue", "data", "log", "inbox"):
        (folder / name).mkdir()
    os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
    os.chown(folder / "inbox", nobody.pw_uid, nobody.pw_gid)
    postfix = Postfix(folder, free_port())
    main = _MAIN.format(folder=folder, daemons=DAEMONS, domains=" ".join(DOMAINS), uid=nobody.pw_uid, gid=nobody.pw_gid)
    (folder / "etc" / "main.cf").write_text(with_settings(main, settings or {}), "utf-8")
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=postfix.port), "utf-8")
    for file, answers in (("answers", ANSWERS), ("answers_after_data", ANSWERS_AFTER_DATA)):
        lines = "".join(f"/^{local}/ {answer}\n" for local, answer in answers.items())
        (folder / "etc" / file).write_text(lines, "utf-8")
    try:
        postfix.start()
        yield postfix
    finally:
        postfix.kill()
        shutil.rmtree(folder, ignore_errors=True)
