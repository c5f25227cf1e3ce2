"""Watches in which order things reach the disk, while they really do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest

SYNC: Final = "sync"
RENAME: Final = "rename"
UNLINK: Final = "unlink"


class Steps(list[tuple[str, ...]]):
    """octets: how much of each file was there when it was synced."""

    def __init__(self) -> None:
        super().__init__()
        self.octets: dict[str, int] = {}


def watch(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Steps:
    """What is synced, renamed and unlinked below `folder` from now on, by paths relative to it; grows."""
    steps = Steps()
    fsync, rename, unlink = os.fsync, os.rename, os.unlink

    def note(step: str, *paths: Any) -> None:
        absolute = [Path.cwd() / path for path in paths]
        if all(path.is_relative_to(folder) for path in absolute):
            steps.append((step, *(path.relative_to(folder).as_posix() for path in absolute)))

    def noted_fsync(file: int) -> None:
        fsync(file)
        note(SYNC, Path(f"/proc/self/fd/{file}").readlink())
        if steps:
            steps.octets[steps[-1][1]] = os.fstat(file).st_size

    def noted_rename(source: Any, target: Any, **more: Any) -> None:
        rename(source, target, **more)
        note(RENAME, source, target)

    def noted_unlink(path: Any, **more: Any) -> None:
        unlink(path, **more)
        note(UNLINK, path)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    monkeypatch.setattr(os, "unlink", noted_unlink)
    return steps
