"""Logins: SASL PLAIN and LOGIN (RFC 4616, RFC 4954), argon2 off the event loop, successes remembered.

The session sees to it that this happens over TLS only. Nothing here logs or keeps a password.
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import argon2

from relay.envelope import Client
from relay.inbound import replies
from relay.inbound.clients import ClientDirectory
from relay.reply import Reply

#: argon2 takes 64 MiB and 100 ms of a core for each check.
_THREADS: Final = 2
_MAX_WAITING: Final = 32

#: Sends a challenge (already in base64) and returns the client's line without its end.
Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]
#: Name and password as the client gave them.
Given: TypeAlias = tuple[str, bytes]


class LoginBusyError(Exception):
    """More logins are waiting to be checked than make sense."""


class Logins:
    """Checks names and passwords for all sessions of this process."""

    def __init__(self, clients: ClientDirectory) -> None:
        self._clients = clients
        self._hasher = argon2.PasswordHasher()
        self._pool = ThreadPoolExecutor(_THREADS, "login")
        self._secret = secrets.token_bytes(32)
        # Keyed hashes of what was right: at most one for each client, so it never has to be emptied.
        self._right: set[bytes] = set()
        self._running: dict[bytes, asyncio.Future[bool]] = {}

    @property
    def possible(self) -> bool:
        """Has any client a password?"""
        return self._clients.anyone is not None

    async def check(self, name: str, password: bytes) -> Client | None:
        """The client, or None. Takes the same time whether the name exists or not. Raises LoginBusyError."""
        known = self._clients.by_name(name)
        credentials = known or self._clients.anyone
        if credentials is None:
            return None
        remembered = hmac.new(
            self._secret, b"\0".join((name.encode(), credentials.password.encode(), password)), "sha256"
        )
        key = remembered.digest()
        if key not in self._right and not await self._verified(key, credentials.password, password):
            return None
        if known is None:
            return None
        self._right.add(key)
        return known.client

    async def _verified(self, key: bytes, encoded: str, password: bytes) -> bool:
        """Connections that log in with the same at the same time share one check."""
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= _MAX_WAITING:
                raise LoginBusyError
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._matches, encoded, password)
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(running)

    def _matches(self, encoded: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


async def ask_credentials(argument: bytes, ask: Ask) -> Given | Reply:
    """The dialogue after AUTH: what the client gives, or the reply that ends it."""
    mechanism, _, initial = argument.partition(b" ")
    match mechanism.upper():
        case b"PLAIN":
            return _plain(initial or await ask(b""))
        case b"LOGIN":
            name = _decoded(initial or await ask(b64encode(b"Username:")))
            if isinstance(name, Reply):
                return name
            password = _decoded(await ask(b64encode(b"Password:")))
            return password if isinstance(password, Reply) else _given(name, password)
    return replies.BAD_MECHANISM


def _plain(line: bytes) -> Given | Reply:
    message = _decoded(line)
    if isinstance(message, Reply):
        return message
    parts = message.split(b"\0")
    if len(parts) != 3:
        return replies.BAD_BASE64
    authorization, name, password = parts
    if authorization not in (b"", name):  # RFC 4616: acting for somebody else is not offered
        return replies.LOGIN_FAILED
    return _given(name, password)


def _given(name: bytes, password: bytes) -> Given | Reply:
    try:
        return name.decode("utf-8"), password
    except UnicodeDecodeError:
        return replies.LOGIN_FAILED


def _decoded(line: bytes) -> bytes | Reply:
    if line == b"*":
        return replies.LOGIN_CANCELLED
    try:
        return b"" if line == b"=" else b64decode(line, validate=True)
    except binascii.Error:
        return replies.BAD_BASE64
