"""TLS of the listeners."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

#: Seconds.
TLS_HANDSHAKE: Final = 30.0


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer. Raises OSError or ssl.SSLError when the files cannot be read or do not fit each other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def describe(session: ssl.SSLObject | ssl.SSLSocket) -> str:
    """Version and cipher as they stand in a Received field, e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384"."""
    cipher = session.cipher()
    return f"{session.version()} {cipher[0]}" if cipher else f"{session.version()}"
