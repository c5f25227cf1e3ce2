"""Telling systemd how far we are (sd_notify(3)). Does nothing when not started by a service manager."""

from __future__ import annotations

import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str]) -> bool:
    """Send e.g. "READY=1" to the socket that NOTIFY_SOCKET names; False when there is none or it does not take it."""
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_manager:
        try:
            to_manager.connect("\0" + name[1:] if name[0] == "@" else name)
            to_manager.sendall(state.encode())
        except OSError:
            return False
    return True
