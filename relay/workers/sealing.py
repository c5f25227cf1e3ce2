"""Seals what the relay records, about once a second, and signs a head now and then. Never decides, never holds up mail.

Everything happens on a thread; steps are small, because making digests takes the interpreter from the mail of this
process. After an import of many lines a process of its own catches up.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from relay.config.settings import LedgerSettings
from relay.log import get_logger
from relay.store.heads import HeadsFile, Signer, write_log
from relay.store.keys import KeyFileError
from relay.store.port import StoreBrokenError, StoreUnavailableError
from relay.store.seals import Sealer, seal_in_the_background
from relay.store.signing import load_ledger_key
from relay.store.sqlite import stop_at_once

#: Seconds between two looks; the shorter while more is waiting.
_PAUSE: Final = 1.0
_SHORT_PAUSE: Final = 0.05
#: Lines of one step: some 10 ms.
_STEP: Final = 1000
#: Lines from which on a process of its own does it.
_MANY: Final = 30_000
#: Seconds until a failure that goes on is told again.
_TELL_AGAIN: Final = 60.0
#: Steps at the end; what is more waits for the next start. Seconds to wait for a command that seals just then.
_LAST_STEPS: Final = 10
_LAST_PATIENCE: Final = 3.0

_spawn = multiprocessing.get_context("spawn")


class LedgerKeeper:
    """`start` it when the store is open, `stop` it when the store is closed. clock: for the times in heads.

    on_broken: called, on a thread, when the disk lied; it has to stop the process.
    """

    def __init__(
        self,
        store: Path,
        settings: LedgerSettings,
        key: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_broken: Callable[[StoreBrokenError], None] = stop_at_once,
    ) -> None:
        self._store, self._settings, self._key = store, settings, key
        self._clock = clock
        self._on_broken = on_broken
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "ledger-keeper")
        self._task: asyncio.Task[None] | None = None
        self._sealer: Sealer | None = None
        self._signer: Signer | None = None
        self._catching_up: Any = None
        self._quiet_until: dict[str, float] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Seal and sign what is there, and let everything go."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            more = await loop.run_in_executor(self._thread, self._guarded, self._once)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _SHORT_PAUSE if more else _PAUSE)
        await loop.run_in_executor(self._thread, self._guarded, self._finish)

    def _guarded(self, work: Callable[[], bool]) -> bool:
        """Is more waiting? A failure is told and tried again; mail never learns of it."""
        try:
            return work()
        except StoreBrokenError as error:
            self._on_broken(error)
        except (StoreUnavailableError, KeyFileError) as error:
            self._tell("sealing-failed", str(error))
        except OSError as error:
            self._tell("head-failed", f"{self._settings.heads}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - a store that somebody changed by hand may hold anything
            self._tell("sealing-failed", f"{type(error).__name__}: {error}")
        return False

    def _once(self) -> bool:
        sealer = self._opened()
        if self._catching_up is not None and self._catching_up.is_alive():
            return False
        self._catching_up = None
        waiting = sealer.unsealed()
        with sealer.turn() as mine:
            if not mine:
                return False
            if waiting >= _MANY:
                self._catching_up = _spawn.Process(target=seal_in_the_background, args=(self._store,), daemon=True)
                self._catching_up.start()
                return False
            sealed = sealer.step(_STEP) if waiting else 0
            if sealed < _STEP:
                self._sign(sealer, at_once=False)
            return sealed == _STEP

    def _finish(self) -> bool:
        if self._catching_up is not None:
            self._catching_up.terminate()  # a seal is written whole or not at all
            self._catching_up.join()
        sealer = self._opened()
        with contextlib.closing(sealer), sealer.turn(patience=_LAST_PATIENCE) as mine:
            for _ in range(_LAST_STEPS if mine else 0):
                if sealer.step() == 0:
                    break
            if mine:
                self._sign(sealer, at_once=True)
        return False

    def _sign(self, sealer: Sealer, *, at_once: bool) -> None:
        if self._signer is None:
            key = load_ledger_key(self._key)
            self._signer = Signer(HeadsFile(self._settings.heads), key, self._settings.sign_every)
        signed = self._signer.sign(sealer.last(), sealer.place_of, self._clock(), at_once=at_once)
        if signed is not None:
            write_log(signed, self._settings.heads)

    def _opened(self) -> Sealer:
        if self._sealer is None:
            self._sealer = Sealer(self._store, self._clock)
        return self._sealer

    def _tell(self, event: str, why: str) -> None:
        """An alarm, not one a second."""
        now = time.monotonic()
        if now < self._quiet_until.get(event, 0.0):
            return
        self._quiet_until[event] = now + _TELL_AGAIN
        log = get_logger()
        if event == "head-failed":
            log.error("head-failed", why=why)
        else:
            log.error("sealing-failed", why=why)
