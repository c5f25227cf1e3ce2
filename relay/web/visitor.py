"""What a request shows of who sent it: evidence of a yes, kept as long as the policy says. Believes nothing it need not."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import Request

#: Characters of a browser's name that are kept.
_LONGEST_AGENT: Final = 300


def address_of(request: Request) -> str:
    """IP address of the person, "" when unknown. A reverse proxy on this machine says whom it speaks for; nobody else is
    believed.
    """
    peer = _ip(request.client.host if request.client else "")
    if peer and ipaddress.ip_address(peer).is_loopback:
        told = request.headers.get("x-forwarded-for", "")
        return _ip(told.rpartition(",")[2].strip()) or peer
    return peer


def browser_of(request: Request) -> str:
    """As it calls itself, in characters that do no harm where they are shown."""
    agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
    return "".join(one if one.isascii() and one.isprintable() else " " for one in agent).strip()


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
