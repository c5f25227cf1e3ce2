"""Rows of a list of consents, as an operator has them from an old system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

RECENTLY = (datetime.now(UTC) - timedelta(days=30)).isoformat(timespec="seconds")
LONG_AGO = "2015-05-01T10:00:00+09:00"
HEADER = "address,stream,basis,at,act\n"


def row(
    address: str, basis: str = "double-opt-in", at: str = RECENTLY, act: str = "", stream: str = "newsletter"
) -> str:
    return f"{address},{stream},{basis},{at},{act}\n"
