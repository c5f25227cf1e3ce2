"""The mark that stands beside a store while a restore exchanges files: where it was left, the restore was cut short."""

from __future__ import annotations

from pathlib import Path

from relay.store.port import StoreUnavailableError


def mark_of(store: Path) -> Path:
    return store.with_name(f"{store.name}.restoring")


def require_finished(store: Path) -> None:
    """Raises StoreUnavailableError for a store that is only half of what it should be."""
    mark = mark_of(store)
    if mark.exists():
        raise StoreUnavailableError(
            f"a restore was cut short ({mark}): run the same consent-relay db restore again; nothing works on half of it"
        )
