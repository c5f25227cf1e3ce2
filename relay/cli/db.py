"""`consent-relay db`: the store as a file: its schema, its size, copies of it."""

from __future__ import annotations

from typing import Final

from relay.cli import db_backup, db_migrate, db_purge, db_restore, db_status
from relay.cli.actions import Actions

_ACTIONS: Final = Actions(
    {
        "migrate": (db_migrate, "make the store, or bring it to the schema of this version"),
        "purge": (db_purge, "take out now what may no longer be kept"),
        "status": (db_status, "schema, size and counts"),
        "backup": (db_backup, "write one file with store, journal, policies and keys, while the relay runs"),
        "restore": (db_restore, "put a backup in place; what was there is kept"),
    }
)
add_arguments = _ACTIONS.add_arguments
run = _ACTIONS.run
