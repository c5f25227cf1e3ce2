"""The processes of an import: they read a long list piece by piece, then each merges a share of what was read. Short lists
are read right here.

They are nice to the relay. Whoever writes is not one of them: a process that holds the write lock must not wait for its
turn on the processor. What they put aside on disk has no name, and goes with them however they end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import connection as pipes
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from relay.consent.ledger import SALT_OCTETS
from relay.store.bundles import Bundle, bundles, packed, unpacked
from relay.store.connection import errors_of_the_store
from relay.store.port import StoreUnavailableError
from relay.store.staging import Piece, Share, Spill, merged, shared_out
from relay.store.told import Block, Parsed, ready

#: How much nicer than the relay.
_NICER: Final = 10
#: Blocks that a process may have waiting.
_AHEAD: Final = 3
#: Bundles that are made ahead of the writer.
_BUNDLES_AHEAD: Final = 4
#: Places in the list that one block may take.
_PLACES: Final = 1 << 24

Parse = Callable[[Block], Parsed]
#: Told how many octets of the list came to what, in its order.
OnParsed = Callable[[int, Parsed], None]


@dataclass(slots=True)
class _Hand:
    process: BaseProcess
    pipe: pipes.Connection
    waiting: int = 0


class Crew:
    """Use as a context manager: `read` once, then `bundles` once. small: octets up to which nobody is called in.
    folder: where rows are put aside that do not fit into memory.
    """

    def __init__(self, parse: Parse, folder: Path, processes: int, *, small: int) -> None:
        self._parse = parse
        self._folder = folder
        self._processes = processes
        self._small = small
        self._open = contextlib.ExitStack()
        self._files: list[BinaryIO] = []
        self._hands: list[_Hand] = []
        self._pieces: list[Piece] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands:
            hand.process.kill()
            hand.process.join()
            hand.pipe.close()
        self._open.close()

    def read(self, blocks: Iterable[Block], on_parsed: OnParsed) -> int:
        """How many rows there are. Raises StoreUnavailableError, and whatever `parse` raises."""
        first: list[Block] = []
        octets = 0
        blocks = iter(blocks)
        for block in blocks:
            first.append(block)
            octets += len(block[1])
            if self._processes and octets > self._small:
                return self._read_together(_chained(first, blocks), on_parsed)
        return (
            self._read_alone(first, on_parsed)
            if self._processes
            else self._read_alone(_chained(first, blocks), on_parsed)
        )

    def bundles(self) -> Iterator[Bundle]:
        """Raises StoreUnavailableError."""
        if not self._hands:
            with errors_of_the_store():
                yield from bundles(merged(Share(tuple(self._pieces)), self._files))
            return
        working = self._hands[: len(shares := shared_out(self._pieces, len(self._hands)))]
        for hand, share in zip(working, shares, strict=True):
            self._heard(hand, partial(hand.pipe.send, share))
        while working:
            for pipe in pipes.wait([hand.pipe for hand in working]):
                (hand,) = (hand for hand in working if hand.pipe is pipe)
                octets = self._heard(hand, hand.pipe.recv_bytes)
                if octets:
                    yield unpacked(octets)
                    continue
                failed = self._heard(hand, hand.pipe.recv)
                if failed is not None:
                    _raise(failed)
                working.remove(hand)

    def _file(self) -> BinaryIO:
        with errors_of_the_store():
            file = self._open.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
        self._files.append(file)
        return file

    def _read_alone(self, blocks: Iterable[Block], on_parsed: OnParsed) -> int:
        spill = Spill(self._file())
        rows = 0
        for number, block in enumerate(blocks):
            parsed = self._parse(block)
            rows += len(parsed.told)
            with errors_of_the_store():
                spill.add(_made_ready(number, parsed))
            on_parsed(len(block[1]), parsed)
        with errors_of_the_store():
            spill.write()
        self._pieces = spill.pieces
        return rows

    def _read_together(self, blocks: Iterable[Block], on_parsed: OnParsed) -> int:
        with errors_of_the_store():
            self._call_in()
        answers = _InOrder(on_parsed)
        for number, block in enumerate(blocks):
            while all(hand.waiting >= _AHEAD for hand in self._hands):
                self._listen(answers)
            hand = min(self._hands, key=lambda hand: hand.waiting)
            self._heard(hand, partial(hand.pipe.send, (number, block)))
            hand.waiting += 1
        while any(hand.waiting for hand in self._hands):
            self._listen(answers)
        for hand in self._hands:
            hand.pipe.send(None)
            pieces = self._heard(hand, hand.pipe.recv)
            if isinstance(pieces, BaseException):
                _raise(pieces)
            self._pieces += pieces
        return answers.rows

    def _call_in(self) -> None:
        context = get_context("spawn")
        paths = [f"/proc/{os.getpid()}/fd/{self._file().fileno()}" for _ in range(self._processes)]
        for number in range(self._processes):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs, self._parse, paths, number), name="import", daemon=True
            )
            process.start()
            theirs.close()
            self._hands.append(_Hand(process, ours))

    def _listen(self, answers: _InOrder) -> None:
        for pipe in pipes.wait([hand.pipe for hand in self._hands]):
            (hand,) = (hand for hand in self._hands if hand.pipe is pipe)
            answer = self._heard(hand, hand.pipe.recv)
            if isinstance(answer, BaseException):
                _raise(answer)
            hand.waiting -= 1
            answers.add(*answer)

    def _heard(self, hand: _Hand, talk: Callable[[], Any]) -> Any:
        try:
            return talk()
        except (EOFError, OSError):
            with contextlib.suppress(EOFError, OSError):
                while hand.pipe.poll():
                    if isinstance(answer := hand.pipe.recv(), BaseException):
                        _raise(answer)
            hand.process.join(1)
            raise StoreUnavailableError(
                f"a process of the import has ended (exit code {hand.process.exitcode}); import the list again, it goes "
                "on where it ended"
            ) from None


@dataclass(slots=True)
class _InOrder:
    """Passes on what came out of each block in the order of the list."""

    on_parsed: OnParsed
    rows: int = 0
    _next: int = 0
    _early: dict[int, tuple[int, Parsed]] = field(default_factory=dict)

    def add(self, number: int, octets: int, rows: int, parsed: Parsed) -> None:
        self.rows += rows
        self._early[number] = octets, parsed
        while self._next in self._early:
            self.on_parsed(*self._early.pop(self._next))
            self._next += 1


def _made_ready(number: int, parsed: Parsed) -> list[Any]:
    return ready(parsed.told, number * _PLACES, os.urandom(SALT_OCTETS * len(parsed.told)))


def _chained(first: Iterable[Block], rest: Iterator[Block]) -> Iterator[Block]:
    yield from first
    yield from rest


def _raise(error: BaseException) -> None:
    with errors_of_the_store():
        raise error


def _work(pipe: pipes.Connection, parse: Parse, paths: Sequence[str], number: int) -> None:
    """The life of a process: reads blocks until there are no more, then merges its share of what all have read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; whoever called us in ends us
    os.nice(_NICER)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Listens while we work: whoever sends to us must not wait for us, who may wait for them to take an answer.
    threading.Thread(target=_listen_for, args=(pipe, inbox), daemon=True).start()
    try:
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(Path(path).open("r+b")) for path in paths]
            _read(pipe, inbox, parse, Spill(files[number], number))
            _merge(pipe, inbox.get(), files)
    except BrokenPipeError:
        return  # the import has ended
    except Exception as error:  # noqa: BLE001 - whoever called us in tells the user
        with contextlib.suppress(OSError):
            pipe.send(_sendable(error))


def _listen_for(pipe: pipes.Connection, inbox: queue.SimpleQueue[Any]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    os._exit(0)  # whoever called us in has ended


def _read(pipe: pipes.Connection, inbox: queue.SimpleQueue[Any], parse: Parse, spill: Spill) -> None:
    while (message := inbox.get()) is not None:
        number, block = message
        parsed = parse(block)
        spill.add(_made_ready(number, parsed))
        pipe.send((number, len(block[1]), len(parsed.told), Parsed([], parsed.extra, parsed.texts)))
    spill.write()
    pipe.send(spill.pieces)


def _merge(pipe: pipes.Connection, share: Share, files: Sequence[BinaryIO]) -> None:
    """Ends with an empty message, then None or what went wrong."""
    ahead: queue.Queue[bytes] = queue.Queue(_BUNDLES_AHEAD)
    failed: list[BaseException] = []

    def make() -> None:
        try:
            for bundle in bundles(merged(share, files)):
                ahead.put(packed(bundle))
        except Exception as error:  # noqa: BLE001 - told at the end
            failed.append(error)
        ahead.put(b"")

    threading.Thread(target=make, daemon=True).start()
    while octets := ahead.get():
        pipe.send_bytes(octets)
    pipe.send_bytes(b"")
    pipe.send(_sendable(failed[0]) if failed else None)


def _sendable(error: BaseException) -> BaseException:
    """Not every exception survives the way between processes."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror or str(error), error.filename)
    return RuntimeError(f"{type(error).__name__}: {error}")
