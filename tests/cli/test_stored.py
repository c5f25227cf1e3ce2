from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cli.shop import Shop

from relay.cli import CommandError
from relay.cli.stored import moment_of, zone_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_zones_are_named_or_given_as_offsets() -> None:
    assert zone_of("") is None
    assert zone_of("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")
    offset = zone_of("+09:00")
    assert offset is not None
    assert offset.utcoffset(None) == timedelta(hours=9)
    for wrong in ("Tokio", "../../etc/passwd", "9"):
        with pytest.raises(CommandError, match="no time zone"):
            zone_of(wrong)


def test_moments_are_now_or_in_iso_8601() -> None:
    assert moment_of("--at", "now", None, NOW) == NOW
    assert moment_of("--at", "2026-02-01T00:00:00+01:00", None, NOW) == datetime(2026, 1, 31, 23, tzinfo=UTC)
    with pytest.raises(CommandError, match="--at: '2026-04-01T00:00:00Z' lies in the future"):
        moment_of("--at", "2026-04-01T00:00:00Z", None, NOW)


def test_a_store_that_cannot_be_opened_is_one_line(shop: Shop) -> None:
    (shop.folder / "var").mkdir()
    shop.file("var/relay.db", b"something else entirely, and long enough to be looked at" * 50)
    for arguments in (["db", "status"], ["consent", "withdraw", "ann@example.com"], ["log", "query"]):
        answer = shop.run(*arguments)
        assert answer.code == 1
        assert answer.err.count("\n") == 1
        assert "relay.db: file is not a database" in answer.err


def test_whoever_looks_into_a_store_that_lacks_withdrawals_is_told(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", "--stream", "newsletter", "--basis", "written", "--at", "now")
    assert shop.run("consent", "show", "ann@example.com").err == ""
    older = (shop.folder / "var" / "relay.db").read_bytes()
    shop.run("consent", "withdraw", "ann@example.com")
    for name in ("relay.db-wal", "relay.db-shm"):
        (shop.folder / "var" / name).unlink(missing_ok=True)
    shop.file("var/relay.db", older)
    answer = shop.run("consent", "show", "ann@example.com")
    assert "gets mail [confirmed]" in answer.out
    assert answer.err.startswith("WARNING: ")
    assert "lacks withdrawals" in answer.err
    assert "db migrate --replay-withdrawals" in answer.err
    assert shop.run("db", "status").err.count("lacks withdrawals") == 1
    shop.run("db", "migrate", "--replay-withdrawals")
    answer = shop.run("consent", "show", "ann@example.com")
    assert "gets no mail [withdrawn]" in answer.out
    assert answer.err == ""
