"""Around every request: the security headers on whatever goes out, and one plain answer when a handler fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.log import get_logger


class Shield:
    """headers: for every response. on_failure: makes the answer to a request whose handler raised.

    The log gets the traceback and never the path: in it may stand a token.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], on_failure: Callable[[Request], Response]) -> None:
        self._app: Final = app
        self._headers: Final = headers
        self._on_failure: Final = on_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception:  # noqa: BLE001 - whatever it was, it must not pass through a server that logs requests
            get_logger().error("web-failed", method=scope["method"], exc_info=True)
            if not started:
                await self._on_failure(Request(scope))(scope, receive, guarded)
