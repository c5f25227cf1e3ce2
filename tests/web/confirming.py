"""Somebody with a link to say yes, for tests of its page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from web.serving import Answer, Site, token_for

from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Yes
from relay.tokens import Purpose

FORM: Final = {"content-type": "application/x-www-form-urlencoded", "accept-language": "en"}
ENGLISH: Final = {"accept-language": "en"}
OLD_YES: Final = Yes(
    Basis.DOUBLE_OPT_IN, Act.CLICKED, datetime(2024, 5, 6, 20, 0, tzinfo=UTC), "fair in Osaka", live=False
)
STALE: Final = Facts(yes=OLD_YES)


def path(**claims: object) -> str:
    return f"/c/{token_for(purpose=Purpose.CONFIRM, **claims)}"  # type: ignore[arg-type]


PATH: Final = path()


def tick(site: Site, where: str = PATH, **headers: str) -> Answer:
    return site.ask("POST", where, "agree=yes", {**FORM, **headers})
