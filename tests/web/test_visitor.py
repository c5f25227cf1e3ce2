from __future__ import annotations

import pytest
from starlette.requests import Request
from web.confirming import tick
from web.serving import Site, TroubledStore

from relay.web.visitor import address_of, browser_of


def asked(peer: str = "", **headers: str) -> Request:
    told = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": told, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize(
    ("forwarded", "kept"),
    [("", "127.0.0.1"), ("192.0.2.1", "192.0.2.1"), ("evil, 2001:db8::1", "2001:db8::1"), ("x" * 3000, "127.0.0.1")],
)
def test_a_proxy_on_this_machine_says_for_whom_it_speaks(
    site: Site, store: TroubledStore, forwarded: str, kept: str
) -> None:
    tick(site, **{"x-forwarded-for": forwarded, "user-agent": "a" * 5000})
    (event,) = store.appended
    assert event.evidence.ip == kept
    assert len(event.evidence.user_agent) == 300


@pytest.mark.parametrize("peer", ["192.0.2.9", "2001:db8::9"])
def test_nobody_else_is_believed(peer: str) -> None:
    assert address_of(asked(peer, x_forwarded_for="203.0.113.1")) == peer


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1"])
def test_of_several_the_nearest_to_the_proxy_counts_which_it_has_seen_itself(peer: str) -> None:
    assert address_of(asked(peer, x_forwarded_for="203.0.113.1, 192.0.2.1")) == "192.0.2.1"
    assert address_of(asked(peer, x_forwarded_for="192.0.2.1, unknown")) == peer


@pytest.mark.parametrize("peer", ["", "/run/relay.sock"])
def test_where_nobody_knows_the_address_there_is_none(peer: str) -> None:
    assert address_of(asked(peer, x_forwarded_for="203.0.113.1")) == ""


def test_a_browsers_name_does_no_harm_where_it_is_shown() -> None:
    assert browser_of(asked(user_agent="Browser/7\x1b[31m \xe4 (X11)\x07")) == "Browser/7 [31m   (X11)"
    assert len(browser_of(asked(user_agent="a" * 5000))) == 300
    assert browser_of(asked()) == ""
