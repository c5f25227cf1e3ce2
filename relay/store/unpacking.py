"""Unpacks a backup into a folder and checks that it is whole. Believes nothing that stands in the archive.

Names of files lead nowhere: each goes into the one folder, where its role says.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from relay.store.backup import FORMAT, MANIFEST, README, Manifest, Role, Stored

_PIECE: Final = 1 << 20
_LARGEST_MANIFEST: Final = 1 << 26
_MOST_FILES: Final = 100_000
_HASH: Final = re.compile("[0-9a-f]{64}")
#: Names that are too long, or stand below a file.
_OF_THE_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR})
#: What each role's files may be called.
_NAMES: Final = {
    Role.STORE: r"relay\.db",
    Role.JOURNAL: r"withdrawals\.journal",
    Role.SETTINGS: r"relay\.toml",
    Role.POLICY: r"policies/[^\0]+",
    Role.TOKEN_KEY: r"keys/tokens/[0-9a-z]+\.key",
    Role.PEOPLE_KEY: r"keys/people\.key",
    Role.ADDRESSES_KEY: r"keys/addresses\.key",
    Role.LEDGER_KEY: r"keys/ledger\.pem",
    Role.DKIM_KEY: r"keys/dkim/[a-z0-9_.-]+\.pem",
    Role.HEADS: r"ledger\.heads",
}


class BackupError(Exception):
    """Why the file is no backup that can be restored; nothing was touched."""


def unpack(source: BinaryIO, into: Path, on_progress: Callable[[int], None] = lambda _: None) -> Manifest:
    """Every file of the backup under its name in `into`, an empty folder of ours. on_progress: octets done so far.

    Raises BackupError, and OSError for the disk.
    """
    found: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    done = 0
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                if manifest is not None:
                    raise BackupError("something stands behind its manifest")
                content = archive.extractfile(member) if _is_plain(member, found) else None
                if content is None:
                    raise BackupError(f"it holds {member.name[:200]!r}, which is no file of a backup")
                if member.name == MANIFEST:
                    manifest = _manifest(content.read(_LARGEST_MANIFEST))
                    continue
                digest, octets = hashlib.sha256(), 0
                with _made(into / member.name) as file:
                    while piece := content.read(_PIECE):
                        file.write(piece)
                        digest.update(piece)
                        octets += len(piece)
                        done += len(piece)
                        on_progress(done)
                    file.flush()
                    os.fsync(file.fileno())
                found[member.name] = octets, digest.hexdigest()
    except tarfile.TarError as error:
        raise BackupError(f"it is cut short or no backup ({error})") from None
    if manifest is None:
        raise BackupError("it is cut short: its manifest is missing")
    _compare(manifest, found)
    return manifest


def _is_plain(member: tarfile.TarInfo, found: dict[str, tuple[int, str]]) -> bool:
    """A file, once, with a name that stays where it is put."""
    path = PurePosixPath(member.name)
    plain = not path.is_absolute() and not {"..", "."} & set(member.name.split("/")) and "\\" not in member.name
    known = member.name in (README, MANIFEST) or any(re.fullmatch(name, member.name) for name in _NAMES.values())
    # Of a sparse file a few octets become any number of them.
    is_file = member.isreg() and not member.issparse()
    return is_file and plain and known and member.name not in found and len(found) < _MOST_FILES


def _compare(manifest: Manifest, found: dict[str, tuple[int, str]]) -> None:
    listed = {one.name: one for one in manifest.files}
    missing = [name for name in listed if name not in found]
    if missing or "relay.db" not in listed:
        raise BackupError(f"it lacks {missing[0] if missing else 'relay.db'}")
    for name, (octets, digest) in found.items():
        if name == README:
            continue
        if name not in listed:
            raise BackupError(f"it holds {name!r}, which its manifest does not list")
        if (listed[name].octets, listed[name].sha256) != (octets, digest):
            raise BackupError(f"{name} was changed: its hash is not the one in the manifest")


def _manifest(octets: bytes) -> Manifest:
    try:
        values = json.loads(octets)
        if values.get("format") != FORMAT:
            raise BackupError(f"it was made by a newer version of consent-relay ({values.get('version')})")
        return Manifest(
            at=datetime.fromisoformat(values["at"]),
            version=str(values["version"]),
            schema=int(values["schema"]),
            line=int(values["line"]),
            line_id=str(values["line_id"]),
            people_key=str(values["people_key"]),
            files=tuple(map(_stored, values["files"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BackupError("its manifest cannot be read") from None


def _stored(values: dict[str, Any]) -> Stored:
    one = Stored(values["name"], Role(values["role"]), str(values["path"]), int(values["octets"]), values["sha256"])
    if not re.fullmatch(_NAMES[one.role], one.name) or not _HASH.fullmatch(one.sha256):
        raise BackupError(f"its manifest lists {one.name!r}, which is no file of a backup")
    return one


def _made(target: Path) -> BinaryIO:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(target, "xb", opener=_private)
    except OSError as error:
        if error.errno in _OF_THE_NAME:
            raise BackupError(f"it holds {target.name[:200]!r}, whose name has no place: {error.strerror}") from None
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
