"""A running relay whose clock is set, by libfaketime: the wall clock alone, as an operator or a broken NTP would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from faults.conftest import HeldHop, hop
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter, unsubscribe_url
from integration.serving import NEWS, Relay, relay_in_folder
from patience import until

__all__ = ["hop"]

_LIBRARY: Final = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = pytest.mark.skipif(_LIBRARY is None, reason="faketime is missing")


class Clock:
    """The wall clock of processes that are started while it is in the environment."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{offset}\n")
        draft.rename(self._file)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    file = tmp_path / "clock"
    settings = {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    monkeypatch.setattr("integration.serving.os.environ", {**os.environ, **settings})
    return Clock(file)


@pytest.fixture
def relay(hop: HeldHop, clock: Clock) -> Iterator[Relay]:
    with relay_in_folder(hop.port) as relay:
        yield relay


def send(relay: Relay, reader: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))


def events(relay: Relay) -> list[str]:
    return [line["event"] for line in relay.log()]


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_a_clock_that_jumps_stops_the_mail_until_it_is_taken_back(
    offset: str, relay: Relay, clock: Clock, hop: HeldHop
) -> None:
    first, second = relay.readers(2, local="clocked")
    relay.start()
    assert send(relay, first).accepted
    clock.set(offset)
    sent = send(relay, second)
    assert sent.said.startswith("451 4.3.0 clock-wrong: "), sent.said
    assert relay.http("GET", "/readyz")[0] == 503
    assert events(relay).count("clock-wrong") == 1
    page = urlsplit(unsubscribe_url(hop.messages[0].content)).path
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert relay.http("POST", page, "List-Unsubscribe=One-Click", headers)[0] == 200
    clock.set("+0")
    assert send(relay, second).accepted
    assert send(relay, first).said.startswith("550 5.7.1 withdrawn: ")
    assert (hop.got(first), hop.got(second)) == (1, 1)
    assert "clock-right" in events(relay)
    assert relay.stop() == 0


def test_a_relay_started_behind_its_store_waits_or_is_told_that_the_clock_is_right(
    relay: Relay, clock: Clock, hop: HeldHop
) -> None:
    reader = relay.reader(local="behind")
    clock.set("+20h")
    relay.start()
    assert send(relay, reader).accepted
    assert relay.stop() == 0
    clock.set("+0")
    relay.start()
    assert send(relay, reader).said.startswith("451 4.3.0 clock-wrong: ")
    until(lambda: "clock-wrong" in events(relay))
    [alarm] = [line for line in relay.log() if line["event"] == "clock-wrong"]
    assert alarm["level"] == "critical"
    assert "--clock-is-right" in alarm["why"]
    assert relay.stop() == 0
    relay.start("--clock-is-right")
    assert send(relay, reader).accepted
    assert relay.stop() == 0
    relay.start()  # and it need not be said again
    assert send(relay, reader).accepted
    assert abs((datetime.now(UTC) - datetime.fromisoformat(relay.log()[-1]["at"])).total_seconds()) < 3600
    assert relay.stop() == 0


def test_a_worker_that_takes_anothers_place_still_knows_of_the_jump(relay: Relay, clock: Clock, hop: HeldHop) -> None:
    from integration.test_running import workers_of

    reader = relay.reader(local="replaced")
    relay.start()
    clock.set("+30d")
    assert relay.process is not None
    (worker,) = workers_of(relay.process.pid)
    os.kill(worker, 9)

    def replaced() -> bool:
        assert relay.process is not None
        try:
            return workers_of(relay.process.pid) not in ([worker], []) and relay.http("GET", "/healthz")[0] == 200
        except OSError:
            return False

    until(replaced)
    assert send(relay, reader).said.startswith("451 4.3.0 clock-wrong: ")
    clock.set("+0")
    assert send(relay, reader).accepted
