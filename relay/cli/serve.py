"""`consent-relay serve`: the relay itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from functools import partial
from pathlib import Path

from relay import __version__, log
from relay.app import hash_key, run_worker
from relay.cli import CommandError, add_config_option
from relay.cli.check import require_sound
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.store.committing import Committer, Work
from relay.store.keys import KeyFileError, load_pseudonyms
from relay.store.newest import clock_is_right
from relay.store.port import StoreUnavailableError
from relay.store.replaying import replay
from relay.workers.clock import moment
from relay.workers.instance import AddressTakenError, AlreadyRunningError, only_instance, require_free
from relay.workers.supervisor import Supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replay-withdrawals",
        action="store_true",
        help="first add the withdrawals that only withdrawals.journal has (after restoring a backup)",
    )
    parser.add_argument(
        "--clock-is-right",
        action="store_true",
        help="the clock was ahead when the last records were made and is right now: do not wait until it has caught up",
    )
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(Path(arguments.config) if arguments.config else None, os.environ)
    require_sound(settings)
    addresses = [listener.address for listener in settings.listeners] + [settings.web.address]
    try:
        with only_instance(settings.store.path.parent):
            require_free((address.host, address.port) for address in addresses)
            log.configure(settings.log.path, hash_key=hash_key(settings))
            log.get_logger().info(
                "starting",
                version=__version__,
                settings=str(settings.file or "embedded defaults"),
                mode=settings.mode,
                policies=str(settings.policies),
                next_hops=[str(hop.address) for hop in settings.next_hops],
            )
            _prepare(settings, arguments)
            supervisor = Supervisor(
                settings.workers.processes,
                partial(run_worker, since=moment()),
                (settings,),
                drain=settings.workers.drain.total_seconds(),
            )
            failure = asyncio.run(supervisor.run())
    except (AlreadyRunningError, AddressTakenError, KeyFileError) as error:
        raise CommandError(str(error)) from None
    except StoreUnavailableError as error:
        raise CommandError(f"{settings.store.path}: {error}") from None
    except OSError as error:
        raise CommandError(f"{error.filename or settings.store.path}: {error.strerror}") from None
    if failure is not None:
        raise CommandError(failure)
    return 0


def _prepare(settings: Settings, arguments: argparse.Namespace) -> None:
    """Bring the store up to date once, before several processes open it."""
    store, pseudonyms = settings.store, load_pseudonyms(settings.keys.people, settings.store.path)
    committer = Committer(store.path, store.journal, pseudonyms, behind_is_fine=arguments.replay_withdrawals)
    with contextlib.closing(committer):
        if arguments.replay_withdrawals:
            done = replay(committer, moment().wall)
            log.get_logger().info("withdrawals-replayed", withdrawals=done.noes, erasures=done.erased)
        if arguments.clock_is_right:
            committer.commit([Work(clock_is_right)])
