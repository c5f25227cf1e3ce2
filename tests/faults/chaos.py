"""A next hop that fails at random, by a seed, in a process of its own, and remembers each attempt it saw.

In a process of its own, so that its times are not those of a busy test. It takes what it says 250 to, and sometimes what
it never answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.policy
import multiprocessing
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from multiprocessing.connection import Connection
from typing import Any, Final, Self

from faults.judge import HOP_WORDS
from faults.trace import Attempt, Kind
from faulty_hop import Action, FaultyHop, GoneError, Session, close, drip, reset, say, then_close

#: Seconds within which an answer has to be said to have been heard: well below the relay's own patience (staging.py).
HEARD_WITHIN: Final = 1.5
#: Seconds between two looks at the clock while nothing happens (_Turns).
_TURN: Final = 0.01

TEMPORARY: Final = f"451 4.3.2 {HOP_WORDS} is busy"
PERMANENT: Final = f"550 5.7.1 {HOP_WORDS} does not want this"
GOODBYE: Final = f"421 4.3.2 {HOP_WORDS} goes away"

#: By step: how often something goes wrong there, and what then, with weights.
FAULTS: Final[dict[str, tuple[float, dict[str, int]]]] = {
    "connect": (0.04, {"reset": 2, "close": 2, "stall": 1, "421": 2, "drip": 2}),
    "ehlo": (0.02, {"reset": 1, "close": 1, "stall": 1, "421": 1, "drip": 1}),
    "mail": (0.04, {"reset": 1, "close": 1, "stall": 1, "421": 1, "4xx": 3, "5xx": 1, "drip": 2}),
    "rcpt": (0.08, {"reset": 1, "close": 1, "stall": 1, "421": 1, "4xx": 6, "5xx": 3, "drip": 2}),
    "data": (0.03, {"reset": 1, "close": 1, "stall": 1, "421": 1, "4xx": 2, "5xx": 1}),
    "dot": (0.14, {"reset": 2, "close": 2, "stall": 1, "4xx": 3, "5xx": 1, "drip": 2, "swallow": 4, "hush": 1}),
}


async def stall(session: Session) -> None:
    """Nothing, until the client has given up."""
    with contextlib.suppress(ConnectionError):
        while await session.reader.read(1 << 16):
            pass
    raise GoneError


#: What is said to the dot when the content is taken, and its answer never comes.
_TAKEN_UNSAID: Final[dict[str, Action]] = {"swallow": close, "hush": stall}
_PLAIN: Final[dict[str, Action]] = {
    "reset": reset,
    "close": close,
    "stall": stall,
    "421": then_close(GOODBYE),
    "4xx": say(TEMPORARY),
    "5xx": say(PERMANENT),
}
#: Without a fault, or with one that still says yes.
_SPEAKS: Final = ("", "drip")
_PATH: Final = re.compile(rb"<([^>]*)>")


class _Turns:
    """Since when can what is read now have been there? On a busy machine it may have waited for our turn to run."""

    def __init__(self) -> None:
        self._last = self._before = time.monotonic()

    async def watch(self) -> None:
        while True:
            self._before, self._last = self._last, time.monotonic()
            await asyncio.sleep(_TURN)

    @property
    def earliest(self) -> float:
        """The last turn but one: what had come before that has been read."""
        return self._before


@dataclass
class _Envelope:
    began: float
    came: float
    sender: str
    named: list[str] = field(default_factory=list)
    refused: bool = False


class ChaosHop(FaultyHop):
    """faulty: set while things go wrong. less: for 0.5, half as often."""

    def __init__(self, seed: int, *, less: float = 1.0, port: int = 0) -> None:
        super().__init__()
        self.faulty = threading.Event()
        self.attempts: list[Attempt] = []
        self.faults: Counter[str] = Counter()
        self.links: list[tuple[str, str]] = []
        self.pause = 0.0
        self.busy = False
        self._random = random.Random(seed)
        self._less = less
        self._envelopes: dict[int, _Envelope] = {}
        self._port = port
        self._turns = _Turns()

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._turns.watch())
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        self._watching.cancel()

    async def _converse(self, session: Session) -> None:
        try:
            await super()._converse(session)
        finally:
            self._end(session, taken=False, told=False, content=b"")
            session.commands.clear()

    async def _act(self, session: Session, step: str, default: str) -> None:
        if step not in FAULTS:
            await say(default)(session)
            return
        fault = self._choose(step)
        if step == "dot":
            await self._dot(session, fault, default)
            return
        if step in ("mail", "rcpt", "data"):
            fault, default = getattr(self, f"_at_{step}")(session, fault, default)
        if fault == "drip":
            await drip(default, 0.01)(session)
        elif fault:
            await _PLAIN[fault](session)
        else:
            await say(default)(session)

    def _at_mail(self, session: Session, fault: str, default: str) -> tuple[str, str]:
        self._end(session, taken=False, told=False, content=b"")
        sender, came = _path(session.commands[-1]), self._turns.earliest
        envelope = _Envelope(time.monotonic(), came, sender, refused=fault not in _SPEAKS)
        self._envelopes[session.number] = envelope
        return fault, default

    def _at_rcpt(self, session: Session, fault: str, default: str) -> tuple[str, str]:
        envelope, recipient = self._envelopes[session.number], _path(session.commands[-1])
        if envelope.refused:
            fault, default = "", f"503 5.5.1 {HOP_WORDS}: no sender"
        elif self.busy:
            fault = "4xx"
        if not envelope.refused and fault in _SPEAKS:
            envelope.named.append(recipient)
            return fault, default
        self._note(envelope, recipient, taken=False, told=False, content=b"")
        return fault, default

    def _at_data(self, session: Session, fault: str, default: str) -> tuple[str, str]:
        if not self._envelopes[session.number].named:
            return "", f"554 5.5.1 {HOP_WORDS}: nobody is to get it"
        return fault, default

    async def _dot(self, session: Session, fault: str, default: str) -> None:
        content = self.messages.pop().content
        session.commands.clear()
        if fault in _TAKEN_UNSAID:
            self._end(session, taken=True, told=False, content=content)
            await _TAKEN_UNSAID[fault](session)
        elif fault in ("", "drip"):
            began, told = self._turns.earliest, False
            await asyncio.sleep(self.pause)
            try:
                await (drip(default, 0.01) if fault else say(default))(session)
                await session.writer.drain()
                told = time.monotonic() - began < HEARD_WITHIN
            finally:
                self._end(session, taken=True, told=told, content=content)
        else:
            self._end(session, taken=False, told=False, content=content)
            await _PLAIN[fault](session)

    def _choose(self, step: str) -> str:
        often, kinds = FAULTS[step]
        if not self.faulty.is_set() or self._random.random() >= often * self._less:
            return ""
        [fault] = self._random.choices(list(kinds), list(kinds.values()))
        self.faults[f"{step} {fault}"] += 1
        return fault

    def _end(self, session: Session, *, taken: bool, told: bool, content: bytes) -> None:
        envelope = self._envelopes.pop(session.number, None)
        if envelope is not None:
            for recipient in envelope.named:
                self._note(envelope, recipient, taken=taken, told=told, content=content)

    def _note(self, envelope: _Envelope, recipient: str, *, taken: bool, told: bool, content: bytes) -> None:
        kind, about = kind_of(envelope.sender, content)
        if kind is Kind.OWN and taken:
            self.links += [(recipient, path) for path in yes_pages(content)]
        self.attempts.append(
            Attempt(
                kind,
                envelope.sender,
                recipient,
                envelope.began,
                time.monotonic(),
                taken,
                told,
                about,
                came=envelope.came,
            )
        )


def _path(line: bytes) -> str:
    found = _PATH.search(line)
    return found[1].decode("utf-8", "replace") if found else ""


def kind_of(sender: str, content: bytes) -> tuple[Kind, tuple[str, ...]]:
    """What a message is, and whom it says to have failed when it is a report."""
    if sender:
        return Kind.CLIENT, ()
    if b"delivery-status" not in content[:8192]:
        return Kind.OWN, ()
    message = BytesParser(policy=email.policy.compat32).parsebytes(content)
    parts = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
    blocks = [block for part in parts for block in part.get_payload()]
    failed = [block for block in blocks if str(block.get("Action", "")).strip().lower() == "failed"]
    return Kind.BOUNCE, tuple(str(block["Final-Recipient"]).partition(";")[2].strip() for block in failed)


def yes_pages(content: bytes) -> list[str]:
    """The paths of the pages where a question may be answered with yes."""
    message = BytesParser(policy=email.policy.compat32).parsebytes(content)
    texts = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/plain"]
    return [found.decode("ascii") for text in texts for found in re.findall(rb"/c/[A-Za-z0-9_-]+", text or b"")][:1]


# --- in a process of its own


@dataclass
class HopProcess:
    """The next hop as its parent sees it."""

    port: int
    _control: Connection
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def faulty(self, *, now: bool) -> None:
        self._ask("faulty" if now else "calm")

    def seen(self) -> tuple[list[Attempt], Counter[str]]:
        """All attempts until now."""
        return self._ask("seen")

    def links(self) -> list[tuple[str, str]]:
        """Whom the relay has asked since the last look, and where they may say yes."""
        return self._ask("links")

    def busy(self, *, now: bool) -> None:
        """It defers every recipient."""
        self._ask("busy" if now else "free")

    def slow(self, seconds: float) -> None:
        """It takes so long for each message from now on."""
        self._ask(f"slow {seconds}")

    def _ask(self, what: str) -> Any:
        with self._turn:
            self._control.send(what)
            return self._control.recv()


@contextmanager
def chaos_hop(seed: int, *, less: float = 1.0) -> Iterator[HopProcess]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, seed, less), daemon=True)
    process.start()
    theirs.close()
    try:
        yield HopProcess(ours.recv(), ours)
    finally:
        with contextlib.suppress(OSError):
            ours.send("stop")
        process.join(15)
        if process.is_alive():
            process.kill()
        ours.close()


def _serve(control: Connection, seed: int, less: float) -> None:
    asyncio.run(_serve_until_told(control, seed, less))


async def _serve_until_told(control: Connection, seed: int, less: float) -> None:
    async with ChaosHop(seed, less=less) as hop:
        control.send(hop.port)
        while True:
            try:
                word = await asyncio.to_thread(control.recv)
            except EOFError:
                return
            if word == "stop":
                return
            if word == "faulty":
                hop.faulty.set()
            elif word == "calm":
                hop.faulty.clear()
            elif word in ("busy", "free"):
                hop.busy = word == "busy"
            elif word.startswith("slow "):
                hop.pause = float(word.removeprefix("slow "))
            control.send(_answer(hop, word))


def _answer(hop: ChaosHop, word: str) -> object:
    if word == "seen":
        return list(hop.attempts), hop.faults
    if word == "links":
        links, hop.links = hop.links, []
        return links
    return None
