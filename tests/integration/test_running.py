"""Starting, stopping, killing, and one instance a folder."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from integration.mails import newsletter, parsed
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder
from patience import LONG, until

SESSIONS = 6


@pytest.fixture
def stopped(postfix: Postfix) -> Iterator[Relay]:
    """A relay of the test's own, not yet started."""
    with relay_in_folder(postfix.port) as relay:
        yield relay


@pytest.fixture
def pair(postfix: Postfix) -> Iterator[Relay]:
    """The same with two processes."""
    with relay_in_folder(postfix.port, processes=2) as relay:
        yield relay


class Load:
    """Sessions that send one message after the other to one reader, until the relay says goodbye."""

    def __init__(self, relay: Relay, readers: list[str]) -> None:
        self._relay = relay
        self._stop = threading.Event()
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._send, args=(reader,)) for reader in readers]
        for thread in self._threads:
            thread.start()

    def _send(self, reader: str) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._relay.plain, timeout=LONG) as smtp:
                    while not self._stop.is_set():
                        number += 1
                        message = newsletter(NEWS, reader, subject=f"{reader} {number}")
                        smtp.sendmail(NEWS, [reader], message)
                        self.answers[250] += 1
                        self.accepted.append(f"{reader} {number}")
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
                self.answers[code_of(error)] += 1
            except (OSError, smtplib.SMTPServerDisconnected):
                self.answers[0] += 1
                time.sleep(0.02)

    def wait_for_accepted(self, number: int) -> None:
        until(
            lambda: len(self.accepted) >= number,
            lambda: f"only {len(self.accepted)} accepted; answers {self.answers}",
        )

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()


def code_of(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(code for code, _ in error.recipients.values())
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code


def arrived_subjects(postfix: Postfix, readers: list[str], wanted: list[str]) -> Counter[str]:
    """Subjects of what arrived for the readers, once all of `wanted` are there or nothing more comes.

    Their number alone says nothing: of a killed worker more may have arrived than anybody was told.
    """
    deadline = time.monotonic() + LONG
    marks = [f"Delivered-To: {reader}\r\n".encode() for reader in readers]
    while True:
        messages = [one for one in postfix.arrived() if any(mark in one for mark in marks)]
        if len(messages) >= len(wanted) or time.monotonic() > deadline:
            subjects = Counter(str(parsed(message)["Subject"]) for message in messages)
            if subjects.keys() >= set(wanted) or time.monotonic() > deadline:
                return subjects
        time.sleep(0.2)


@pytest.mark.parametrize("processes", ["stopped", "pair"])
def test_sigterm_under_load_loses_nothing_and_ends_well(
    request: pytest.FixtureRequest, postfix: Postfix, processes: str
) -> None:
    relay: Relay = request.getfixturevalue(processes)
    readers = relay.readers(SESSIONS, local=f"drain-{processes}")
    relay.start()
    load = Load(relay, readers)
    load.wait_for_accepted(30)
    assert relay.stop() == 0
    load.finish()
    assert set(load.answers) <= {250, 421, 0}, load.answers
    arrived = arrived_subjects(postfix, readers, load.accepted)
    assert [subject for subject in load.accepted if not arrived[subject]] == []
    assert [subject for subject, times in arrived.items() if times > 1] == []


def test_a_killed_worker_is_replaced_and_what_was_accepted_has_arrived(pair: Relay, postfix: Postfix) -> None:
    readers = pair.readers(SESSIONS, local="killed")
    pair.start()
    load = Load(pair, readers)
    load.wait_for_accepted(30)
    assert pair.process is not None
    victim = workers_of(pair.process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    load.wait_for_accepted(len(load.accepted) + 30)
    until(
        lambda: len(set(workers_of(pair.process.pid)) - {victim}) >= 2,
        lambda: f"workers now: {workers_of(pair.process.pid)}",
    )
    load.finish()
    arrived = arrived_subjects(postfix, readers, load.accepted)
    assert [subject for subject in load.accepted if not arrived[subject]] == []
    assert pair.stop() == 0


def workers_of(supervisor: int) -> list[int]:
    """The processes that listen: the supervisor's children but for multiprocessing's own tracker."""
    children = subprocess.run(("pgrep", "-P", str(supervisor)), stdout=subprocess.PIPE, check=False).stdout.split()
    found = []
    for child in map(int, children):
        with suppress(OSError):  # it ended meanwhile
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if command and b"resource_tracker" not in command:  # of one that has ended it is empty
                found.append(child)
    return found


def test_a_second_instance_on_the_same_folder_is_refused_with_the_reason(stopped: Relay) -> None:
    stopped.start()
    assert stopped.process is not None
    result = stopped.command("serve", check=False)
    assert result.returncode == 1
    assert "already" in result.stderr
    assert str(stopped.process.pid) in result.stderr
    assert "Traceback" not in result.stderr
    assert stopped.http("GET", "/readyz")[0] == 200
    assert stopped.stop() == 0
    stopped.start()
    assert stopped.stop() == 0


def test_an_address_that_is_taken_is_named(postfix: Postfix, stopped: Relay) -> None:
    config = stopped.folder / "relay.toml"
    config.write_text(config.read_text("utf-8").replace(f":{stopped.plain}", f":{postfix.port}"), "utf-8")
    result = stopped.command("serve", check=False)
    assert result.returncode == 1
    assert f"127.0.0.1:{postfix.port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_embedded_defaults_serve_without_any_file(stopped: Relay) -> None:
    """Only the ports come from the environment, which stands over the defaults."""
    folder = stopped.folder / "empty"
    folder.mkdir()
    environ = {
        **os.environ,
        "RELAY_LISTENER": f'[{{"address": "127.0.0.1:{stopped.plain}"}}]',
        "RELAY_WEB__ADDRESS": f"127.0.0.1:{stopped.web}",
        "RELAY_WEB__PUBLIC_URL": f"http://127.0.0.1:{stopped.web}",
    }
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            (sys.executable, "-m", "relay", "serve"), cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            until(lambda: greets(stopped.plain) or process.poll() is not None)
            assert process.poll() is None, (folder / "out").read_text("utf-8")
            assert (folder / "var" / "relay.db").exists()
        finally:
            process.terminate()
            assert process.wait(LONG) == 0


def greets(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
            return smtp.noop()[0] == 250
    except OSError:
        return False
