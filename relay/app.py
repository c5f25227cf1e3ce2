"""The composition root: one worker process is one `running` relay, started and stopped here, in this order.

What its parts are made of stands in `wiring`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import uvloop

from relay import log
from relay.config.problems import ProblemsError
from relay.config.settings import HostPort, LoggedAddresses, Settings
from relay.inbound.listener import start_listeners
from relay.log import get_logger
from relay.message.dkim import DkimKeyError
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.dkim_keys import load_signers
from relay.store.keys import KeyFileError, load_pseudonyms, load_secret, load_token_keys
from relay.store.newest import newest_recorded
from relay.store.port import Store, StoreUnavailableError
from relay.store.queue import Caps
from relay.store.sqlite import open_store
from relay.web.server import start_web
from relay.wiring import (
    Shared,
    asker_of,
    bouncer_of,
    clients_of,
    confirmations_of,
    hops_of,
    journey_of,
    notifications_of,
    reporter_of,
    retention_of,
    site_of,
)
from relay.workers.asking import keep_asking
from relay.workers.bounces import keep_bouncing
from relay.workers.clock import CheckedStore, ClockGuard, Moment, moment
from relay.workers.holding import end_expired_holds
from relay.workers.late_confirmations import watch_confirmations
from relay.workers.own_mail import OwnMail
from relay.workers.reporting import keep_reporting
from relay.workers.retention import keep_retention
from relay.workers.sealing import LedgerKeeper
from relay.workers.supervisor import READY

#: What keeps a worker from starting and the operator can mend; everything else is a bug and shows as one.
_EXPECTED: Final = (StoreUnavailableError, KeyFileError, DkimKeyError, ProblemsError, OSError)
#: Containers made and not yet freed after which Python looks for cycles among them; a message leaves next to none.
_GARBAGE: Final = 10_000


class PolicyBook:
    """The policies in force. A message sees one set from the moment it asks; a bad reload keeps the old set."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.policies
        self._current = load_policies(self._folder)

    def current(self) -> Policies:
        return self._current

    def reload(self) -> None:
        try:
            self._current = load_policies(self._folder)
        except ProblemsError as error:
            for problem in error.problems:
                get_logger().error("policies-kept", why=str(problem))
        else:
            get_logger().info("policies-loaded", policy=self._current.hash[:12], streams=len(self._current.streams))


@dataclass(frozen=True, slots=True)
class Relay:
    """What a running relay shows to whoever started it. smtp, web: where it listens (port 0 resolved)."""

    store: Store
    policies: PolicyBook
    smtp: tuple[HostPort, ...]
    web: HostPort


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, look: Callable[[], Moment] = moment, since: Moment | None = None
) -> AsyncIterator[Relay]:
    """Serve until the block ends; then finish what is past the dot, within the drain time, and let everything go.

    look: the time now, by both clocks. since: when the relay was started, for a worker that takes another's place.
    Raises the errors of its parts when one of them cannot start; nothing is left running then.
    """
    drain = settings.workers.drain
    async with contextlib.AsyncExitStack() as stack:
        book, shared = await _opened(stack, settings, look, since)
        notifications = notifications_of(shared)
        _keep(stack, keep_retention(retention_of(shared), secrets.SystemRandom()))
        _keep(stack, watch_confirmations(confirmations_of(shared), secrets.SystemRandom()))
        _keep(stack, keep_reporting(reporter_of(shared), secrets.SystemRandom()))
        _keep(stack, keep_bouncing(bouncer_of(shared, notifications)))
        hops = hops_of(settings)
        stack.push_async_callback(hops.next_hops.close)
        _keep(stack, keep_asking(asker_of(shared)))
        journey = journey_of(shared, hops, notifications)
        web = await start_web(site_of(shared), settings.web.address, drain=drain)
        stack.push_async_callback(web.stop)
        listeners = await start_listeners(settings, journey.pipeline)
        stack.push_async_callback(listeners.close)
        journey.queue.start()
        stack.push_async_callback(journey.queue.stop, 0)
        _keep(stack, end_expired_holds(shared.checked, book.current, shared.guard.now, clients_of(shared)))
        get_logger().info("listening", smtp=[str(one) for one in listeners.addresses], web=str(web.address))
        yield Relay(shared.store, book, listeners.addresses, web.address)
        listeners.stop_accepting()
        left, unfinished, _ = await asyncio.gather(
            listeners.drain(drain.total_seconds()),
            journey.queue.stop(drain.total_seconds()),
            web.stop(),  # now: whoever comes after us wants the address
        )
        if left or unfinished:
            get_logger().warning("drain-cut-short", transactions=left, queued=unfinished)


async def _opened(
    stack: contextlib.AsyncExitStack, settings: Settings, look: Callable[[], Moment], since: Moment | None
) -> tuple[PolicyBook, Shared]:
    """The store is open, its ledger is kept and the clock watched, until the stack ends; policies and keys are read."""
    path = settings.store.path
    pseudonyms = load_pseudonyms(settings.keys.people, path)
    keeper = LedgerKeeper(path, settings.ledger, settings.keys.ledger)
    stack.push_async_callback(keeper.stop)  # after the store, which writes until it is closed
    caps = Caps.of(settings.queue, settings.hold)
    store = await open_store(path, settings.store.journal, pseudonyms, caps=caps)
    stack.push_async_callback(store.close)
    keeper.start()
    guard = ClockGuard(look, newest=await asyncio.to_thread(_newest, path), since=since)
    _keep(stack, guard.watch())
    book = PolicyBook(settings)
    return book, Shared(
        settings=settings,
        pseudonyms=pseudonyms,
        store=store,
        checked=CheckedStore(store, guard),
        guard=guard,
        policies=book.current,
        tokens=load_token_keys(settings.keys.tokens),
        dkim=load_signers(settings.dkim),
        own_mail=OwnMail(mail_domain=settings.identity.mail_domain, randomness=secrets.token_bytes),
    )


def _keep(stack: contextlib.AsyncExitStack, work: Coroutine[object, object, None]) -> None:
    """Let it run until the relay ends."""
    stack.callback(asyncio.create_task(work).cancel)


def run_worker(settings: Settings, _number: int, control: Connection, *, since: Moment | None = None) -> None:
    """One worker process: tells its supervisor when it serves, or in one line why it cannot. Ends on SIGTERM.

    since: when the first workers were started, so that a jump of the clock is known to those who come later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor passes SIGTERM on
    log.configure(settings.log.path, hash_key=hash_key(settings))
    try:
        uvloop.run(_serve(settings, control, since))
    except _EXPECTED as error:
        control.send(_why(error))
        raise SystemExit(1) from None


async def _serve(settings: Settings, control: Connection, since: Moment | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(control.fileno(), stop.set)  # readable only when the supervisor is gone
    async with running(settings, since=since) as relay:
        loop.add_signal_handler(signal.SIGHUP, relay.policies.reload)
        _keep_from_collector()
        control.send(READY)
        await stop.wait()
        loop.remove_reader(control.fileno())


def _keep_from_collector() -> None:
    """What is loaded now stays until the end: looking through all of it for garbage took 45 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def hash_key(settings: Settings) -> bytes | None:
    """The secret for hashed addresses in the log, None where they stand in clear. Raises KeyFileError."""
    return load_secret(settings.keys.addresses) if settings.log.addresses is LoggedAddresses.HASHED else None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return "; ".join(str(error).splitlines())


def _newest(store: Path) -> datetime | None:
    """When the store recorded something last."""
    with errors_of_the_store(), contextlib.closing(open_for_reading(store)) as connection:
        return newest_recorded(connection)
