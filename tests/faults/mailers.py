"""Mailers that send to all sorts of people and write down each reply; and people who change their minds meanwhile."""

from __future__ import annotations

import random
import smtplib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Final

from faults.chaos import HopProcess
from faults.staging import MAILERS, NEWS_DOMAIN, SHOP_DOMAIN, People, stop_page, write_list
from faults.trace import NOTHING, Act, Said, Sent
from integration.mails import plain
from integration.serving import Relay
from patience import LONG

#: Seconds that a mailer waits for a reply: longer than the relay waits for its next hop.
_PATIENCE: Final = 30
_FORM: Final = "application/x-www-form-urlencoded"
_MESSAGES_A_SESSION: Final = 8
_MOST_RECIPIENTS: Final = 6
#: How many of a mailer's tries end with the connection, before the answer to the dot can come.
_HASTY: Final = 0.04


class Mailers:
    """`sessions` threads; each tries again with another message whatever the answer was. most: tries in all. `allowed`:
    how many of them so far, for whoever sets the pace.
    """

    def __init__(self, relay: Relay, people: People, *, sessions: int, seed: int, pause: float, most: int) -> None:
        self.allowed = most
        self.sent: list[Sent] = []
        self._relay = relay
        self._people = people
        self._pause = pause
        self._most = most
        self._begun = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed} {number}"),), daemon=True)
            for number in range(sessions)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    @property
    def acknowledged(self) -> int:
        return sum(one.dot and one.final.accepts for one in list(self.sent))

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive(), "a mailer waits for ever"

    def _work(self, chance: random.Random) -> None:
        while not self._over.is_set() and self._begun < self._most:
            if self._begun >= self.allowed:
                self._over.wait(0.02)
                continue
            name = chance.choice(list(MAILERS))
            try:
                with smtplib.SMTP(
                    "127.0.0.1", self._relay.plain, timeout=_PATIENCE, source_address=(MAILERS[name], 0)
                ) as smtp:
                    smtp.ehlo("mailer.brand.example")
                    for _ in range(_MESSAGES_A_SESSION):
                        number = self._next()
                        if number is None:
                            break
                        hasty = chance.random() < _HASTY
                        self.sent.append(send(smtp, name, *self._draw(number, chance), hasty=hasty))
                        if not self.sent[-1].final.code or self._over.wait(chance.random() * self._pause):
                            break
            except (OSError, smtplib.SMTPException):
                self._over.wait(0.05)

    def _next(self) -> int | None:
        with self._lock:
            if self._begun >= min(self.allowed, self._most):
                return None
            self._begun += 1
            return self._begun

    def _draw(self, number: int, chance: random.Random) -> tuple[str, list[str]]:
        people = self._people
        if chance.random() < 0.15:
            return f"m{number}@{SHOP_DOMAIN}", chance.sample(people.readers, chance.choice([1, 1, 3]))
        many = 1 if chance.random() < 0.5 else chance.randint(2, _MOST_RECIPIENTS)
        named: dict[str, None] = {}
        while len(named) < many:
            kind = chance.random()
            if kind < 0.08:
                named[f"stranger{number}-{len(named)}@nowhere.example"] = None
            else:
                named[
                    chance.choice(people.stale if kind < 0.25 else people.wavering if kind < 0.5 else people.readers)
                ] = None
        return f"m{number}@{NEWS_DOMAIN}", list(named)


def send(
    smtp: smtplib.SMTP, client: str, sender: str, recipients: list[str], *, hasty: bool = False, lines: int = 20
) -> Sent:
    """One transaction, every reply noted; a connection that ends is a reply of code 0. hasty: it goes away
    after the dot. lines: of its text, 14 octets each.
    """
    began = time.monotonic()
    replies: list[tuple[str, Said]] = []
    final, dot = NOTHING, False
    try:
        final = said(smtp.mail(sender))
        if final.accepts:
            for recipient in recipients:  # one by one: what was heard before the connection ended counts
                replies += [(recipient, said(smtp.rcpt(recipient)))]
            if any(reply.accepts for _, reply in replies):
                final = said(smtp.docmd("DATA"))
                if final.code == 354:
                    content = plain(sender, recipients[0], subject=f"offer of {sender}", text="Good things.\n" * lines)
                    final, dot = NOTHING, True
                    smtp.send(content + b".\r\n")
                    if hasty:
                        smtp.close()
                    else:
                        final = said(smtp.getreply())
            else:
                final = said(smtp.rset())
    except (OSError, smtplib.SMTPException):
        final = NOTHING
    needs_consent = sender.endswith(f"@{NEWS_DOMAIN}")
    return Sent(sender, client, needs_consent, tuple(replies), final, dot, began, time.monotonic())


def said(reply: tuple[int, bytes]) -> Said:
    return Said(reply[0], reply[1].decode("utf-8", "replace"))


class Minds:
    """A thread in which people say no and yes again, one act of a person at a time."""

    def __init__(self, relay: Relay, people: People, hop: HopProcess, *, seed: int, pause: float) -> None:
        self.answered = 0
        self._hop = hop
        self._asked: dict[str, str] = {}
        self.acts: list[Act] = []
        self._relay = relay
        self._chance = random.Random(f"{seed} minds")
        self._pause = pause
        self._wavering = dict.fromkeys(people.wavering, True)
        self._stale = list(people.stale)
        self._files: Iterator[int] = count()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._say_no, self._say_yes)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(LONG)

    def _say_no(self) -> None:
        while not self._over.wait(self._pause * self._chance.uniform(0.3, 1.7)):
            willing = [person for person, says_yes in self._wavering.items() if says_yes]
            if not willing:
                continue
            person = self._chance.choice(willing)
            began = time.monotonic()
            try:
                path = stop_page(self._relay, person, self._chance)
                status, _ = self._relay.http("POST", path, "List-Unsubscribe=One-Click", {"Content-Type": _FORM})
            except (OSError, ValueError):
                status = 0
            known = time.monotonic() if status == 200 else None
            if known is not None:
                self._wavering[person] = False
            self.acts.append(Act(person, yes=False, began=began, acknowledged=known))

    def _say_yes(self) -> None:
        """By the page that a question names, or by commands, which take their turn at the store beside a running relay."""
        while not self._over.wait(self._pause * self._chance.uniform(5, 15)):
            self._asked.update(self._hop.links())
            if self._asked and self._chance.random() < 0.6:
                self._answer_question(*self._asked.popitem())
                continue
            gone = [person for person, says_yes in self._wavering.items() if not says_yes]
            if gone and self._chance.random() < 0.5:
                person = self._chance.choice(gone)
                options = ("--basis", "double-opt-in", "--act", "clicked", "--at", "now", "--after-withdrawal")
                self._yes([person], ("consent", "grant", person, "--stream", "newsletter", *options))
            elif self._stale:
                some = [self._stale.pop() for _ in range(min(len(self._stale), self._chance.randint(1, 3)))]
                file = self._relay.folder / f"again{next(self._files)}.csv"
                write_list(file, some, age=timedelta(seconds=1))
                self._yes(some, ("consent", "import", str(file)))

    def _answer_question(self, person: str, page: str) -> None:
        """By the link of the relay's own mail, with the box ticked. Whoever has said no since gets a 409."""
        began = time.monotonic()
        try:
            status, _ = self._relay.http("POST", page, "agree=yes", {"Content-Type": _FORM})
        except (OSError, ValueError):
            status = 0
        if status in (0, 200):
            known = time.monotonic() if status == 200 else None
            self.acts.append(Act(person, yes=True, began=began, acknowledged=known))
            self.answered += known is not None
            if person in self._stale:
                self._stale.remove(person)

    def _yes(self, people: list[str], command: tuple[str, ...]) -> None:
        began = time.monotonic()
        done = self._relay.command(*command, check=False).returncode == 0
        known = time.monotonic() if done else None
        for person in people:
            self.acts.append(Act(person, yes=True, began=began, acknowledged=known))
            if person in self._wavering and done:
                self._wavering[person] = True
