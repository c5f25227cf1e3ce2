from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import SYNC, watch
from store.test_backup import backup_of, members, shop

from relay.store.unpacking import BackupError, unpack


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return backup_of(shop(tmp_path_factory.mktemp("shop")))


def packed(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            if name == "manifest.json":
                for odd in more:
                    archive.addfile(odd, io.BytesIO(bytes(odd.size)))
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def refused(octets: bytes, into: Path) -> str:
    with pytest.raises(BackupError) as why:
        unpack(io.BytesIO(octets), into)
    return str(why.value)


def test_what_was_packed_is_unpacked_and_for_our_eyes_only(backup: bytes, tmp_path: Path) -> None:
    steps: list[int] = []
    manifest = unpack(io.BytesIO(backup), tmp_path, steps.append)
    for one in manifest.files:
        path = tmp_path / one.name
        assert path.read_bytes() == members(backup)[one.name]
        assert path.stat().st_mode & 0o777 == 0o600
    assert steps
    assert steps == sorted(steps)


def test_a_backup_cut_short_anywhere_is_refused(backup: bytes, tmp_path: Path) -> None:
    for number, end in enumerate([0, 100, 512, 5000, len(backup) // 2, len(backup) - 10_240 * 2]):
        into = tmp_path / str(number)
        into.mkdir()
        assert "cut short" in refused(backup[:end], into)


def test_a_changed_file_is_named(backup: bytes, tmp_path: Path) -> None:
    for name in ("relay.db", "withdrawals.journal", "relay.toml", "policies/newsletter.toml", "keys/people.key"):
        files = members(backup)
        files[name] = files[name][:-1] + b"#"
        into = tmp_path / name.replace("/", "-")
        into.mkdir()
        assert refused(packed(files), into) == f"{name} was changed: its hash is not the one in the manifest"


def _without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.pop(name) and None


def _manifest(change: Callable[[dict[str, object]], object]) -> Callable[[dict[str, bytes]], None]:
    def edit(files: dict[str, bytes]) -> None:
        values = json.loads(files["manifest.json"])
        change(values)
        files["manifest.json"] = json.dumps(values).encode()

    return edit


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (_without("manifest.json"), "its manifest is missing"),
        (_without("relay.db"), "lacks relay.db"),
        (_without("keys/people.key"), "lacks keys/people.key"),
        (lambda files: files.update({"keys/tokens/zzzzzz.key": b""}), "behind its manifest"),
        (lambda files: files.update({"manifest.json": b"{"}), "manifest cannot be read"),
        (lambda files: files.update({"manifest.json": b"[]"}), "manifest cannot be read"),
        (lambda files: files.update({"manifest.json": b"[" * 100_000}), "manifest cannot be read"),
        (_manifest(lambda values: values.update(line=float("inf"))), "manifest cannot be read"),
        (_manifest(lambda values: values.update(format=2, version="9.0")), r"newer version of consent-relay \(9.0\)"),
        (_manifest(lambda values: values.update(at="yesterday")), "manifest cannot be read"),
        (_manifest(lambda values: values["files"].clear()), "lacks relay.db"),  # type: ignore[attr-defined]
        (_manifest(lambda values: values["files"][0].update(name="../relay.db")), "no file of a backup"),  # type: ignore[index]
        (_manifest(lambda values: values["files"].pop()), "manifest does not list"),  # type: ignore[attr-defined]
    ],
)
def test_what_is_not_of_one_piece_is_refused(
    edit: Callable[[dict[str, bytes]], None], why: str, backup: bytes, tmp_path: Path
) -> None:
    files = members(backup)
    edit(files)
    with pytest.raises(BackupError, match=why):
        unpack(io.BytesIO(packed(files)), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../outside", "/etc/passwd", "policies/../../outside", "policies/./x", "keys/tokens/../../x.key", "policies/",
        "other", "relay.db-wal", "keys/tokens/x.key/y", "policies\\..\\x", "policies/a\\..\\b",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(name: str, backup: bytes, tmp_path: Path) -> None:
    odd = tarfile.TarInfo(name)
    odd.size = 1
    into = tmp_path / "into"
    into.mkdir()
    assert "no file of a backup" in refused(packed(members(backup), odd), into)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_plain_file_is_refused(kind: bytes, backup: bytes, tmp_path: Path) -> None:
    odd = tarfile.TarInfo("policies/x.toml")
    odd.type, odd.linkname = kind, "/etc/passwd"
    assert "no file of a backup" in refused(packed(members(backup), odd), tmp_path)


def test_a_few_octets_that_would_fill_the_disk_are_refused(backup: bytes, tmp_path: Path) -> None:
    out = io.BytesIO()
    hole = b"0\n".ljust(512, b"\0")
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        sparse = tarfile.TarInfo("relay.db")
        sparse.size = len(hole)
        sparse.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "relay.db",
            "GNU.sparse.realsize": str(1 << 26),
        }
        archive.addfile(sparse, io.BytesIO(hole))
    assert "no file of a backup" in refused(out.getvalue(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "names", [["policies/a", "policies/a/b"], ["policies/a/b", "policies/a"], ["policies/" + "a" * 300]]
)
def test_names_that_the_disk_has_no_place_for_are_refused(names: list[str], tmp_path: Path) -> None:
    assert "has no place" in refused(packed(dict.fromkeys(names, b"x")), tmp_path)


def test_a_file_that_comes_twice_is_refused(backup: bytes, tmp_path: Path) -> None:
    odd = tarfile.TarInfo("keys/people.key")
    odd.size = 1
    assert "no file of a backup" in refused(packed(members(backup), odd), tmp_path)


def test_each_file_is_on_disk_when_it_is_unpacked(
    backup: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = watch(monkeypatch, tmp_path)
    manifest = unpack(io.BytesIO(backup), tmp_path)
    assert {(SYNC, one.name) for one in manifest.files} <= set(steps)
    assert all(steps.octets[one.name] == one.octets for one in manifest.files)
