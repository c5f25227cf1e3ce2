from __future__ import annotations

import ssl
from typing import Any

import pytest
from inbound.stage import LOCAL, MAUTIC, Notebook, certificate_files, listener, quick

from relay.config.settings import Login
from relay.inbound.clients import ClientDirectory
from relay.inbound.doorway import Doorway
from relay.inbound.limits import Admission
from relay.inbound.login import Logins
from relay.inbound.tls import server_context


def doorway(tls: str = "none", *, password: bool = True, **more: Any) -> Doorway:
    clients = ClientDirectory([MAUTIC if password else LOCAL])
    logins = Logins(clients)
    logins.close()
    context: ssl.SSLContext | None = None if tls == "none" else server_context(*certificate_files())
    limits = quick(message_size=1234)
    return Doorway(
        listener(tls, **more), "relay.example", limits, frozenset(), Notebook(), clients, logins,
        Admission(limits), context,
    )  # fmt: skip


def words(where: Doorway, *, encrypted: bool) -> set[bytes]:
    return {line[4:] for line in where.greeting(encrypted=encrypted).splitlines()}


def test_what_is_offered_follows_from_tls_and_logins() -> None:
    always = {b"relay.example", b"SIZE 1234", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"PIPELINING", b"DSN"}
    assert words(doorway(), encrypted=False) == always
    assert words(doorway("starttls"), encrypted=False) == always | {b"STARTTLS"}
    assert words(doorway("starttls"), encrypted=True) == always | {b"AUTH PLAIN LOGIN"}
    assert words(doorway("implicit", login=Login.OFF), encrypted=True) == always
    assert words(doorway("implicit", password=False), encrypted=True) == always


def test_only_the_last_line_of_the_greeting_has_a_space_after_its_code() -> None:
    lines = doorway("starttls").greeting(encrypted=False).split(b"\r\n")
    assert lines.pop() == b""
    assert [line[:4] for line in lines] == [b"250-"] * (len(lines) - 1) + [b"250 "]


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_nobody_logs_in_without_tls(tls: str) -> None:
    assert doorway(tls).may_log_in is (tls != "none")
    assert doorway(tls).is_implicit_tls is (tls == "implicit")
