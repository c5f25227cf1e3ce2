"""What a command wrote is sealed and signed before it ends; what hinders that is told, and nothing is lost by it."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import UTC, datetime
from typing import Final

from relay import log
from relay.cli.bar import bar
from relay.config.settings import Settings
from relay.store.heads import HeadsFile, Signed, Signer, write_log
from relay.store.keys import KeyFileError
from relay.store.port import StoreBrokenError, StoreUnavailableError
from relay.store.seals import Sealer
from relay.store.signing import load_ledger_key

#: Seconds to wait for others; a relay that catches up after an import may take minutes.
_PATIENCE: Final = 10.0


def seal_written(settings: Settings) -> None:
    """Never raises for what can be done later: the relay, or the next command, seals and signs it then."""
    try:
        with contextlib.closing(Sealer(settings.store.path)) as sealer, sealer.turn(patience=_PATIENCE) as mine:
            if not mine:
                _tell("another process is sealing, and will seal this, too")
                return
            with bar("sealing", sealer.unsealed()) as on_lines:
                sealer.seal_all(on_lines, os.cpu_count() or 1)
            signer = Signer(
                HeadsFile(settings.ledger.heads), load_ledger_key(settings.keys.ledger), settings.ledger.sign_every
            )
            signed = signer.sign(sealer.last(), sealer.place_of, datetime.now(UTC), at_once=True)
        if signed is not None:
            tell_signed(signed, settings)
    except StoreBrokenError:
        raise
    except (StoreUnavailableError, KeyFileError) as error:
        _tell(str(error))
    except OSError as error:
        _tell(f"{settings.ledger.heads}: {error.strerror}")


def tell_signed(signed: Signed, settings: Settings) -> None:
    """An alarm to the person at the terminal; the head into the log, where that is a file."""
    if signed.alarm:
        print(f"consent-relay: {signed.alarm}", file=sys.stderr)
    if settings.log.path != "-":
        with contextlib.suppress(OSError):
            log.configure(settings.log.path)
            write_log(signed, settings.ledger.heads)


def _tell(why: str) -> None:
    print(f"consent-relay: what was recorded stands, but is not sealed and signed yet: {why}", file=sys.stderr)
