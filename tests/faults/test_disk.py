"""A disk that is full, a store that another program holds: nothing is promised that cannot be kept, nothing is lost."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import smtplib
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from faults.chaos import HopProcess, chaos_hop
from faults.experiment import Plan, record, settle
from faults.judge import Finding
from faults.mailers import send
from faults.staging import MAILERS, NEWS_DOMAIN, People, make_people, staged, stop_page
from faults.trace import Act, Sent
from integration.serving import Relay
from patience import LONG, until

ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """The folder lies on a disk of its own, with all that is in it. The relay must not run at either end."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def post_no(relay: Relay, person: str) -> Act:
    began = time.monotonic()
    page = stop_page(relay, person, random.Random(person))
    status, said = relay.http("POST", page, "List-Unsubscribe=One-Click", ONE_CLICK)
    assert status == 200, f"{status} {said}"
    return Act(person, yes=False, began=began, acknowledged=time.monotonic())


class Mailer:
    def __init__(self, relay: Relay, client: str) -> None:
        self.sent: list[Sent] = []
        self._relay, self._client = relay, client

    def send(self, *people: str, lines: int = 20) -> Sent:
        address = (MAILERS[self._client], 0)
        with smtplib.SMTP("127.0.0.1", self._relay.plain, timeout=LONG, source_address=address) as smtp:
            smtp.ehlo("mailer.brand.example")
            sender = f"{self._client}{len(self.sent)}@{NEWS_DOMAIN}"
            self.sent.append(send(smtp, self._client, sender, list(people), lines=lines))
        return self.sent[-1]


@contextmanager
def held_tables(store: Path) -> Iterator[None]:
    """Another program writes and does not end."""
    with closing(sqlite3.connect(store, isolation_level=None, timeout=LONG)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def held_turn(store: Path) -> Iterator[None]:
    """One of the relay's own commands writes and does not end."""
    with Path(f"{store}.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Quiet:
    """Mailers or people of whom nothing more comes."""

    def __init__(self, sent: list[Sent], acts: list[Act]) -> None:
        self.sent, self.acts = sent, acts


def findings(
    relay: Relay, hop: HopProcess, people: People, *, sent: list[Sent], acts: list[Act], began: float
) -> list[Finding | str]:
    settled_in, problems = settle(relay)
    quiet = Quiet(sent, acts)
    result = record(
        Plan(0, len(sent), 0),
        relay=relay,
        hop=hop,
        people=people,
        mailers=quiet,
        minds=quiet,
        crashes=(),
        began=began,
        settled_in=settled_in,
        problems=problems,
    )
    return [*result.verdict.findings, *result.problems]


def test_on_a_full_disk_nothing_is_promised_and_what_was_is_kept() -> None:
    people, began, acts = make_people(30, 5, 3), time.monotonic(), []
    with (
        chaos_hop(1) as hop,
        staged(hop.port, people, processes=2, patient=True) as relay,
        small_disk(relay.folder / "var", "32m"),
    ):
        ballast = relay.folder / "var" / "ballast"
        ballast.write_bytes(b"x" * (8 << 20))
        relay.start()
        try:
            hop.busy(now=True)
            mailer = Mailer(relay, "impatient")
            for number in range(60):
                to = [people.readers[number % 30]]
                mailer.send(*(to if number % 2 else [*to, people.stale[number % 5]]), lines=30_000)
            codes = Counter(one.final.code for one in mailer.sent)
            assert set(codes) <= {250, 451, 452}, codes
            assert codes[250] > 2, codes
            assert codes[452] > 10, codes
            # For one recipient it is the next hop's own "later" that goes back; for several the relay has to say so itself.
            assert mailer.sent[-1].final.code == 451, mailer.sent[-1]
            assert mailer.sent[-2].final.text.startswith("4.3.1 "), mailer.sent[-2]
            acts += [post_no(relay, person) for person in people.wavering]
            refused = mailer.send(people.wavering[0])
            assert (refused.recipients[0][1].code or refused.final.code) >= 400, refused
            hop.busy(now=False)
            ballast.unlink()
            until(lambda: mailer.send(people.readers[0]).final.accepts, lambda: mailer.sent[-1])
            assert findings(relay, hop, people, sent=mailer.sent, acts=acts, began=began) == []
        finally:
            if relay.process is not None and relay.process.poll() is None:
                relay.kill()


@pytest.mark.parametrize("held", [held_tables, held_turn])
def test_a_store_that_is_held_for_long_answers_4xx_and_what_was_answered_so_is_not_sent_later(
    held: Callable[[Path], AbstractContextManager[None]],
) -> None:
    people, began = make_people(30, 10, 0), time.monotonic()
    with chaos_hop(2) as hop, staged(hop.port, people, patient=True) as relay:
        relay.start()
        mailers = [Mailer(relay, name) for name in MAILERS]
        groups = [people.readers[:1], people.readers[1:4], [people.readers[4], *people.stale[:2]], people.stale[3:4]]
        with held(relay.folder / "var" / "relay.db"):
            threads = [
                threading.Thread(target=mailer.send, args=group) for mailer, group in zip(mailers, groups, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LONG)
                assert not thread.is_alive()
            assert hop.seen()[0] == []
        sent = [one for mailer in mailers for one in mailer.sent]
        assert [one.final.code for one in sent] == [451] * len(MAILERS), sent
        assert all(one.final.text.startswith("4.3.0 store-unavailable: ") for one in sent), sent
        time.sleep(1)
        for mailer, group in zip(mailers, groups, strict=True):
            assert mailer.send(*group).final.accepts, relay.output()
        sent = [one for mailer in mailers for one in mailer.sent]
        assert findings(relay, hop, people, sent=sent, acts=[], began=began) == []
