from __future__ import annotations

import socket
from pathlib import Path

from relay.workers.readiness import notify


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"


def test_an_abstract_socket_works_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the kernel picks an abstract name
        name = manager.getsockname()
        assert notify("STOPPING=1", {"NOTIFY_SOCKET": "@" + name[1:].decode()})
        assert manager.recv(100) == b"STOPPING=1"


def test_nothing_happens_without_a_manager(tmp_path: Path) -> None:
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "relative"})
