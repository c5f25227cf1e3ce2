"""What breaks while mail passes: a log, a store, a disk, the supervisor; and a person who withdraws meanwhile."""

from __future__ import annotations

import shutil
import smtplib
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from faults.conftest import HeldHop
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter, unsubscribe_url
from integration.serving import NEWS, Relay, relay_in_folder, running_relay
from integration.test_running import workers_of
from patience import LONG, until

ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def mailer() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def send(relay: Relay, reader: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))


@contextmanager
def held_store(relay: Relay) -> Iterator[None]:
    """Another program writes and does not end."""
    with closing(sqlite3.connect(relay.folder / "var" / "relay.db", isolation_level=None, timeout=LONG)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_who_withdraws_while_their_mail_waits_for_a_connection_does_not_get_it(
    hop: HeldHop, mailer: ThreadPoolExecutor
) -> None:
    with running_relay(hop.port, hop_settings="connections = 1") as relay:
        first, second = relay.readers(2, local="queueing")
        assert send(relay, second).accepted
        page = urlsplit(unsubscribe_url(hop.messages[0].content)).path
        hop.hold()
        ahead = mailer.submit(send, relay, first)
        until(lambda: hop.waiting)
        behind = mailer.submit(send, relay, second)
        until(lambda: sum(line["event"] == "decision" for line in relay.log()) == 3)
        time.sleep(0.2)
        assert relay.http("POST", page, "List-Unsubscribe=One-Click", ONE_CLICK)[0] == 200
        hop.let_go()
        assert ahead.result().accepted
        assert behind.result().said.startswith("550 5.7.1 withdrawn: ")
        assert (hop.got(first), hop.got(second)) == (1, 1)


def test_a_log_that_cannot_be_written_costs_nobody_a_reply(hop: HeldHop) -> None:
    with relay_in_folder(hop.port) as relay:
        config = relay.folder / "relay.toml"
        config.write_text(config.read_text("utf-8").replace('path = "relay.log"', 'path = "/dev/full"'), "utf-8")
        reader = relay.reader(local="unlogged")
        relay.start()
        assert send(relay, reader).accepted
        assert hop.got(reader) == 1
        page = urlsplit(unsubscribe_url(hop.messages[0].content)).path
        assert relay.http("POST", page, "List-Unsubscribe=One-Click", ONE_CLICK)[0] == 200
        assert send(relay, reader).said.startswith("550 5.7.1 withdrawn: ")
        assert relay.stop() == 0


def test_a_held_store_lets_nothing_pass_and_loses_nothing(hop: HeldHop, mailer: ThreadPoolExecutor) -> None:
    with running_relay(hop.port) as relay:
        before, during = relay.readers(2, local="held")
        hop.hold()
        under_way = mailer.submit(send, relay, before)
        until(lambda: hop.waiting)
        with held_store(relay):
            hop.let_go()
            assert under_way.result().accepted  # the next hop has it: its outcome is written later
            sent = send(relay, during)
            assert sent.said.startswith("451 4.3.0 store-unavailable: "), sent.said
            assert hop.got(during) == 0
        assert send(relay, during).accepted
        decided = until(lambda: [line["id"] for line in relay.log() if line["event"] == "outcome"])[0]
        until(lambda: relay.printed("log", "query", "--id", decided)[0]["outcomes"])


def test_without_their_supervisor_workers_finish_and_go_and_a_new_relay_starts_at_once(
    hop: HeldHop, mailer: ThreadPoolExecutor
) -> None:
    with relay_in_folder(hop.port, processes=2) as relay:
        reader, after = relay.readers(2, local="orphaned")
        relay.start()
        assert relay.process is not None
        workers = workers_of(relay.process.pid)
        hop.hold()
        client = smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG)
        under_way = mailer.submit(client.sendmail, NEWS, [reader], newsletter(NEWS, reader))
        until(lambda: hop.waiting)
        relay.process.kill()
        relay.process.wait()
        until(lambda: all(map(is_free, (relay.web, relay.plain, relay.secure))))
        relay.start()
        hop.let_go()
        assert under_way.result() == {}
        assert send(relay, after).accepted
        until(lambda: not any(is_alive(worker) for worker in workers))
        client.close()
        assert (hop.got(reader), hop.got(after)) == (1, 1)
        assert relay.stop() == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")
def test_a_worker_whose_disk_lies_promises_nothing_more_and_is_replaced(hop: HeldHop) -> None:
    with running_relay(hop.port) as relay:
        reader, after = relay.readers(2, local="lied-to")
        assert relay.process is not None
        (worker,) = workers_of(relay.process.pid)
        client = smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG)
        client.ehlo()  # of this worker: whatever syncs first, it cannot be another who answers
        tracer = subprocess.Popen(
            ("strace", "-f", "-qq", "-e", "inject=fsync,fdatasync:error=EIO:when=1+", "-p", str(worker)),
            stderr=subprocess.DEVNULL,
        )
        until(lambda: is_traced(worker) or not is_alive(worker))
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            client.sendmail(NEWS, [reader], newsletter(NEWS, reader))
        client.close()
        tracer.wait(LONG)
        assert hop.got(reader) == 0
        until(lambda: worker not in workers_of(relay.process.pid) and accepts(relay))
        assert send(relay, after).accepted
        assert [line["exit_code"] for line in relay.log() if line["event"] == "worker-died"] == [70]


def accepts(relay: Relay) -> bool:
    try:
        return relay.http("GET", "/readyz")[0] == 200
    except OSError:
        return False


def is_alive(process: int) -> bool:
    """A zombie has ended; whether its new parent collects it is not ours."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_traced(process: int) -> bool:
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{process}/status").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
