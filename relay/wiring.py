"""What one worker process is made of: each function builds one part from the settings and from what all parts share.

Starts and stops nothing, and reads no file: that, and its order, is the business of `app`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette

from relay.config.settings import Settings
from relay.consent.pseudonyms import Pseudonyms
from relay.disposal import Forwarder
from relay.envelope import Client
from relay.message.dkim import Signer, choose_signers
from relay.outbound.attempt import NextHops
from relay.pipeline import Pipeline
from relay.policy.acceptance import Waits
from relay.policy.model import Policies
from relay.rewriting import Rewriter
from relay.store.port import Store
from relay.tokens import TokenKeys, seal
from relay.web.app import build_app
from relay.workers.asking import Asker
from relay.workers.asking_mail import AskingMail
from relay.workers.backoff import Backoff
from relay.workers.bounces import Bouncer
from relay.workers.clock import CheckedStore, ClockGuard
from relay.workers.delivery import Deliveries
from relay.workers.late_confirmations import Watch
from relay.workers.notifications import Notifications
from relay.workers.own_mail import OwnMail
from relay.workers.queue import QueueWorker
from relay.workers.receipts import Receipts
from relay.workers.reporting import Reporter
from relay.workers.retention import Keeper
from relay.workers.settling import Terms


@dataclass(frozen=True, slots=True)
class Shared:
    """What the parts of one process have in common.

    store: for what people say, which is taken whatever the clock says. checked: the same store for those who judge and
    send. policies: the set in force now. dkim: signers by From domain.
    """

    settings: Settings
    pseudonyms: Pseudonyms
    store: Store
    checked: CheckedStore
    guard: ClockGuard
    policies: Callable[[], Policies]
    tokens: TokenKeys
    dkim: Mapping[str, tuple[Signer, ...]]
    own_mail: OwnMail


@dataclass(frozen=True, slots=True)
class Hops:
    """The way out. backoff: of next hops that do not answer, which learns from every attempt."""

    backoff: Backoff
    next_hops: NextHops


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of a message: in while its client waits, and out of the queue later."""

    pipeline: Pipeline
    queue: QueueWorker


def retention_of(shared: Shared) -> Keeper:
    return Keeper(
        store=shared.settings.store.path,
        journal=shared.settings.store.journal,
        pseudonyms=shared.pseudonyms,
        policies=shared.policies,
        decisions=shared.settings.retention.decisions,
        clock=shared.guard.now,
        trouble=shared.guard.trouble,
    )


def confirmations_of(shared: Shared) -> Watch:
    return Watch(
        store=shared.settings.store.path,
        journal=shared.settings.store.journal,
        pseudonyms=shared.pseudonyms,
        policies=shared.policies,
        clock=shared.guard.now,
        trouble=shared.guard.trouble,
    )


def reporter_of(shared: Shared) -> Reporter:
    settings = shared.settings
    return Reporter(
        store=shared.checked,
        path=settings.store.path,
        own_mail=shared.own_mail,
        relay=settings.identity.hostname,
        owners={one.name: one.owner for one in settings.clients if one.owner is not None},
        hour=settings.reports.hour,
        clock=shared.guard.now,
        trouble=shared.guard.trouble,
    )


def clients_of(shared: Shared) -> list[Client]:
    return [Client(one.name, one.senders, one.retries, one.refusal) for one in shared.settings.clients]


def share_of(most: int, processes: int) -> int:
    """Of what is allowed to all processes together, the part of each; one is allowed to every one of them."""
    return max(1, most // processes)


def notifications_of(shared: Shared) -> Notifications:
    settings = shared.settings
    return Notifications(
        own_mail=shared.own_mail,
        hostname=settings.identity.hostname,
        expire=settings.queue.expire,
        most_an_hour=share_of(settings.queue.bounces, settings.workers.processes),
    )


def bouncer_of(shared: Shared, notifications: Notifications) -> Bouncer:
    return Bouncer(store=shared.checked, notifications=notifications, clock=shared.guard.now)


def asker_of(shared: Shared) -> Asker:
    settings = shared.settings
    own_is_signed = bool(choose_signers(shared.dkim, settings.identity.mail_domain))
    return Asker(
        store=settings.store.path,
        journal=settings.store.journal,
        pseudonyms=shared.pseudonyms,
        policies=shared.policies,
        rules=settings.asking,
        write=AskingMail(
            seal=partial(seal, shared.tokens),
            public_url=settings.web.public_url,
            mail_domain=settings.identity.mail_domain,
            one_click=settings.web.is_loopback or (settings.web.is_https and own_is_signed),
        ),
        own=shared.own_mail,
        clock=shared.guard.now,
        trouble=shared.guard.trouble,
    )


def hops_of(settings: Settings) -> Hops:
    backoff = Backoff(settings.queue.retry[0].total_seconds())
    next_hops = NextHops(
        settings.next_hops,
        settings.identity.hostname,
        budget=settings.limits.transaction.total_seconds(),
        heard=lambda route, reachable: backoff.heard(route, reachable=reachable),
    )
    return Hops(backoff, next_hops)


def journey_of(shared: Shared, hops: Hops, notifications: Notifications) -> Journey:
    settings, guard = shared.settings, shared.guard
    receipts = Receipts(notifications, settings.queue.expire)
    forwarder = Forwarder(next_hops=hops.next_hops, rewriter=_rewriter_of(shared), clock=guard.steady)
    queue = QueueWorker(
        store=shared.checked,
        deliveries=_deliveries_of(shared, forwarder, receipts),
        backoff=hops.backoff,
        routes=hops.next_hops.routes,
        expire=settings.queue.expire,
        clock=guard.now,
    )
    pipeline = Pipeline(
        store=shared.checked,
        policies=shared.policies,
        forwarder=forwarder,
        mode=settings.mode,
        clock=guard.now,
        randomness=secrets.token_bytes,
        waits=Waits(settings.queue.retry, settings.hold.waiting),
        nudge=queue.nudge,
        is_away=lambda address: hops.backoff.is_closed(hops.next_hops.route_of(address)),
        receipt=receipts.at_once,
    )
    return Journey(pipeline, queue)


def _rewriter_of(shared: Shared) -> Rewriter:
    settings = shared.settings
    return Rewriter(
        dkim=shared.dkim,
        seal=partial(seal, shared.tokens),
        hostname=settings.identity.hostname,
        mail_domain=settings.identity.mail_domain,
        public_url=settings.web.public_url,
        is_local=settings.web.is_loopback,
        clock=shared.guard.now,
    )


def _deliveries_of(shared: Shared, forwarder: Forwarder, receipts: Receipts) -> Deliveries:
    settings = shared.settings
    return Deliveries(
        store=shared.checked,
        policies=shared.policies,
        forwarder=forwarder,
        clients=clients_of(shared),
        terms=Terms(settings.queue.retry, settings.queue.expire, settings.hold.waiting),
        mode=settings.mode,
        clock=shared.guard.steady,  # an attempt may end after the clock has jumped: its copy is not due, or over, by that
        randomness=secrets.token_bytes,
        receipts=receipts,
    )


def site_of(shared: Shared) -> Starlette:
    """On the store itself: what people say is taken, whatever the clock says."""
    return build_app(
        shared.store,
        shared.policies,
        shared.tokens,
        shared.guard.now,
        clock_trouble=shared.guard.trouble,
        public_url=shared.settings.web.public_url,
    )
