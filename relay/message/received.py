"""The header fields that a relay writes: Received (RFC 5321 section 4.4), and Date and Message-ID where they lack.

Every value is checked or masked here, whatever was checked before: nothing of a client's can begin a new field.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from relay.address import Address
from relay.envelope import Transaction

_UNSAFE_NAME: Final = re.compile(r"[^A-Za-z0-9._:\[\]-]+")
_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9._ -]+")


def received_field(transaction: Transaction, hostname: str, recipient: Address | None, now: datetime) -> bytes:
    """Our trace field. recipient: named where the copy is for one person, None where naming would tell of others.

    Mail of the relay's own came over no connection: its `peer` is empty, and none is named.
    """
    connection = transaction.connection
    peer = _name(connection.peer)
    address = f"IPv6:{peer}" if ":" in peer else peer
    tls = f" ({_UNSAFE_COMMENT.sub('', connection.tls)[:80]})" if connection.tls else ""
    protocol = _name(connection.protocol) or "ESMTP"
    came = [
        f"Received: from {_name(connection.helo) or 'unknown'} ([{address}])",
        f"by {hostname} (consent-relay) with {protocol}{tls}",
    ]
    lines = [*(came if peer else [f"Received: by {hostname} (consent-relay)"]), f"id {transaction.id}"]
    if recipient is not None and recipient.is_ascii:
        lines.append(f"for <{recipient}>")
    return ("\r\n\t".join(lines) + f";\r\n\t{format_datetime(now)}\r\n").encode("ascii")


def date_field(now: datetime) -> bytes:
    return f"Date: {format_datetime(now)}\r\n".encode("ascii")


def message_id_field(identifier: str, hostname: str) -> bytes:
    """identifier: the transaction's id, so that every copy and every retry has the same Message-ID."""
    return f"Message-ID: <{identifier}@{hostname}>\r\n".encode("ascii")


def _name(text: str) -> str:
    return _UNSAFE_NAME.sub("", text)[:255]
