"""The composition root: the one place where objects are wired. One worker process is one `running` relay."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import uvloop

from relay import log
from relay.config.problems import ProblemsError
from relay.config.settings import HostPort, LoggedAddresses, Settings
from relay.disposal import Forwarder
from relay.envelope import Client
from relay.inbound.listener import start_listeners
from relay.log import get_logger
from relay.message.dkim import DkimKeyError, choose_signers
from relay.outbound.attempt import NextHops
from relay.pipeline import Pipeline
from relay.policy.acceptance import Waits
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.rewriting import Rewriter
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.dkim_keys import load_signers
from relay.store.keys import KeyFileError, load_pseudonyms, load_secret, load_token_keys
from relay.store.newest import newest_recorded
from relay.store.port import Store, StoreUnavailableError
from relay.store.queue import Caps
from relay.store.sqlite import open_store
from relay.tokens import seal
from relay.web.app import build_app
from relay.web.server import start_web
from relay.workers.asking import Asker, keep_asking
from relay.workers.asking_mail import AskingMail
from relay.workers.backoff import Backoff
from relay.workers.bounces import Bouncer, keep_bouncing
from relay.workers.clock import CheckedStore, ClockGuard, Moment, moment
from relay.workers.delivery import Deliveries
from relay.workers.holding import end_expired_holds
from relay.workers.late_confirmations import Watch, watch_confirmations
from relay.workers.own_mail import OwnMail
from relay.workers.queue import QueueWorker
from relay.workers.reporting import Reporter, keep_reporting
from relay.workers.retention import Keeper, keep_retention
from relay.workers.sealing import LedgerKeeper
from relay.workers.settling import Terms
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
        pseudonyms = load_pseudonyms(settings.keys.people, settings.store.path)
        keeper = LedgerKeeper(settings.store.path, settings.ledger, settings.keys.ledger)
        stack.push_async_callback(keeper.stop)  # after the store, which writes until it is closed
        caps = Caps.of(settings.queue, settings.hold)
        store = await open_store(settings.store.path, settings.store.journal, pseudonyms, caps=caps)
        stack.push_async_callback(store.close)
        keeper.start()
        guard = ClockGuard(look, newest=await asyncio.to_thread(_newest, settings.store.path), since=since)
        _keep(stack, guard.watch())
        checked = CheckedStore(store, guard)
        book = PolicyBook(settings)
        retention = Keeper(
            store=settings.store.path,
            journal=settings.store.journal,
            pseudonyms=pseudonyms,
            policies=book.current,
            decisions=settings.retention.decisions,
            clock=guard.now,
            trouble=guard.trouble,
        )
        _keep(stack, keep_retention(retention, secrets.SystemRandom()))
        _keep(
            stack,
            watch_confirmations(
                Watch(
                    store=settings.store.path,
                    journal=settings.store.journal,
                    pseudonyms=pseudonyms,
                    policies=book.current,
                    clock=guard.now,
                    trouble=guard.trouble,
                ),
                secrets.SystemRandom(),
            ),
        )
        own_mail = OwnMail(mail_domain=settings.identity.mail_domain, randomness=secrets.token_bytes)
        reporter = Reporter(
            store=checked,
            path=settings.store.path,
            own_mail=own_mail,
            relay=settings.identity.hostname,
            owners={one.name: one.owner for one in settings.clients if one.owner is not None},
            hour=settings.reports.hour,
            clock=guard.now,
            trouble=guard.trouble,
        )
        _keep(stack, keep_reporting(reporter, secrets.SystemRandom()))
        bouncer = Bouncer(
            store=checked,
            own_mail=own_mail,
            hostname=settings.identity.hostname,
            expire=settings.queue.expire,
            most_an_hour=settings.queue.bounces,
            clock=guard.now,
        )
        _keep(stack, keep_bouncing(bouncer))
        tokens = load_token_keys(settings.keys.tokens)
        backoff = Backoff(settings.queue.retry[0].total_seconds())
        next_hops = NextHops(
            settings.next_hops,
            settings.identity.hostname,
            budget=settings.limits.transaction.total_seconds(),
            heard=lambda route, reachable: backoff.heard(route, reachable=reachable),
        )
        stack.push_async_callback(next_hops.close)
        dkim = load_signers(settings.dkim)
        own_is_signed = bool(choose_signers(dkim, settings.identity.mail_domain))
        asker = Asker(
            store=settings.store.path,
            journal=settings.store.journal,
            pseudonyms=pseudonyms,
            policies=book.current,
            rules=settings.asking,
            write=AskingMail(
                seal=partial(seal, tokens),
                public_url=settings.web.public_url,
                mail_domain=settings.identity.mail_domain,
                one_click=settings.web.is_loopback or (settings.web.is_https and own_is_signed),
            ),
            own=own_mail,
            clock=guard.now,
            trouble=guard.trouble,
        )
        _keep(stack, keep_asking(asker))
        rewriter = Rewriter(
            dkim=dkim,
            seal=partial(seal, tokens),
            hostname=settings.identity.hostname,
            mail_domain=settings.identity.mail_domain,
            public_url=settings.web.public_url,
            is_local=settings.web.is_loopback,
            clock=guard.now,
        )
        forwarder = Forwarder(next_hops=next_hops, rewriter=rewriter, clock=guard.steady)
        queue = QueueWorker(
            store=checked,
            deliveries=Deliveries(
                store=checked,
                policies=book.current,
                forwarder=forwarder,
                clients=[Client(one.name, one.senders, one.retries, one.refusal) for one in settings.clients],
                terms=Terms(settings.queue.retry, settings.queue.expire, settings.hold.waiting),
                mode=settings.mode,
                clock=guard.steady,  # an attempt may end after the clock has jumped: its copy is not due, or over, by that
                randomness=secrets.token_bytes,
                bouncer=bouncer,
            ),
            backoff=backoff,
            routes=next_hops.routes,
            expire=settings.queue.expire,
            clock=guard.now,
        )
        pipeline = Pipeline(
            store=checked,
            policies=book.current,
            forwarder=forwarder,
            mode=settings.mode,
            clock=guard.now,
            randomness=secrets.token_bytes,
            waits=Waits(settings.queue.retry, settings.hold.waiting),
            nudge=queue.nudge,
            is_away=lambda address: backoff.is_closed(next_hops.route_of(address)),
            receipt=bouncer.receipt,
        )
        # The store itself: what people say is taken, whatever the clock says.
        site = build_app(
            store, book.current, tokens, guard.now, clock_trouble=guard.trouble, public_url=settings.web.public_url
        )
        web = await start_web(site, settings.web.address, drain=drain)
        stack.push_async_callback(web.stop)
        listeners = await start_listeners(settings, pipeline)
        stack.push_async_callback(listeners.close)
        queue.start()
        stack.push_async_callback(queue.stop, 0)
        _keep(stack, end_expired_holds(checked, book.current, guard.now))
        get_logger().info("listening", smtp=[str(one) for one in listeners.addresses], web=str(web.address))
        yield Relay(store, book, listeners.addresses, web.address)
        listeners.stop_accepting()
        left, unfinished, _ = await asyncio.gather(
            listeners.drain(drain.total_seconds()),
            queue.stop(drain.total_seconds()),
            web.stop(),  # now: whoever comes after us wants the address
        )
        if left or unfinished:
            get_logger().warning("drain-cut-short", transactions=left, queued=unfinished)


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
