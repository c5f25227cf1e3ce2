"""The web application: which address is answered by what. Wires, decides nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.policy.model import Policies
from relay.store.port import People
from relay.tokens import TokenKeys
from relay.web.confirm import Confirm
from relay.web.health import alive, readiness
from relay.web.links import Links, language_for
from relay.web.pages import Pages
from relay.web.shield import Shield
from relay.web.unsubscribe import Unsubscribe


def build_app(
    store: People,
    policies: Callable[[], Policies],
    keys: TokenKeys,
    clock: Callable[[], datetime],
    randomness: Callable[[int], bytes] = secrets.token_bytes,
    *,
    clock_trouble: Callable[[], str] = lambda: "",
    public_url: str = "",
) -> Starlette:
    """policies: the set in force now, asked at every request. clock: aware UTC now. randomness: n -> n octets.
    clock_trouble: why the clock cannot be trusted, "" when it can; a withdrawal is taken all the same. public_url: how
    the pages are reached, without a slash at its end.
    """
    pages = Pages()
    links = Links(policies, keys, pages)

    def sorry(request: Request, status: int) -> Response:
        return links.answer("missing" if status == 404 else "failed", language_for(request), status=status)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        response = sorry(request, error.status_code)
        response.headers.update(error.headers or {})
        return response

    unsubscribe = Unsubscribe(links=links, store=store, clock=clock, randomness=randomness)
    confirm = Confirm(links=links, store=store, clock=clock, clock_trouble=clock_trouble, public_url=public_url)
    app = Starlette(
        routes=[
            Route("/u/{token}", unsubscribe.answer, methods=["GET", "POST"]),
            Route("/c/", confirm.about),
            Route("/c/{token}", confirm.answer, methods=["GET", "POST"]),
            Route("/healthz", alive),
            Route("/readyz", readiness(store, clock_trouble)),
        ],
        middleware=[
            Middleware(Shield, headers=pages.headers, on_failure=lambda request: sorry(request, 500)),
        ],
        exception_handlers={HTTPException: refused},
    )
    app.router.redirect_slashes = False  # RFC 8058 section 3.2: a one-click POST must not be redirected
    return app
