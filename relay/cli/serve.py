"""`consent-relay serve`: the relay itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from relay import __version__, log
from relay.app import hash_key, run_worker
from relay.cli import CommandError, add_config_option
from relay.cli.check import require_sound
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.store.keys import KeyFileError, load_pseudonyms
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import open_store
from relay.workers.instance import AddressTakenError, AlreadyRunningError, only_instance, require_free
from relay.workers.supervisor import Supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
            asyncio.run(_migrate(settings))
            supervisor = Supervisor(
                settings.workers.processes, run_worker, (settings,), drain=settings.workers.drain.total_seconds()
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


async def _migrate(settings: Settings) -> None:
    """Bring the store up to date once, before several processes open it."""
    store = await open_store(settings.store.path, settings.store.journal, load_pseudonyms(settings.keys.people))
    await store.close()
