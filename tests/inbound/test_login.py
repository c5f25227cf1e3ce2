from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Iterator

import argon2
import pytest
from inbound.stage import LOCAL, MAUTIC, PASSWORD, run

from relay.config.settings import ClientSettings
from relay.inbound import login, replies
from relay.inbound.clients import ClientDirectory
from relay.inbound.login import LoginBusyError, Logins, ask_credentials


@pytest.fixture
def logins() -> Iterator[Logins]:
    one = Logins(ClientDirectory([LOCAL, MAUTIC]))
    yield one
    one.close()


def test_the_right_password_gives_the_client_and_anything_else_nobody(logins: Logins) -> None:
    async def names() -> list[str | None]:
        found = [
            await logins.check("mautic", PASSWORD),
            await logins.check("mautic", b"wrong"),
            await logins.check("mautic", b""),
            await logins.check("nobody", PASSWORD),
            await logins.check("local", PASSWORD),  # has no password
            await logins.check("mautic", PASSWORD),
        ]
        return [one and one.name for one in found]

    assert run(names()) == ["mautic", None, None, None, None, "mautic"]


def test_a_success_is_remembered_and_a_failure_is_not() -> None:
    slow = ClientSettings("slow", password=argon2.PasswordHasher(time_cost=8).hash(PASSWORD))

    async def seconds(password: bytes) -> list[float]:
        logins = Logins(ClientDirectory([slow]))
        times = []
        for _ in range(2):
            started = time.process_time()  # other processes must not count
            await logins.check("slow", password)
            times.append(time.process_time() - started)
        logins.close()
        return times

    first, second = run(seconds(PASSWORD))
    assert second < first / 10
    first, second = run(seconds(b"wrong"))
    assert second > first / 10


def test_what_is_remembered_is_no_password_and_no_plain_hash_of_one(logins: Logins) -> None:
    run(logins.check("mautic", PASSWORD))
    (kept,) = logins._right
    other = Logins(ClientDirectory([MAUTIC]))
    run(other.check("mautic", PASSWORD))
    assert other._right != {kept}
    other.close()


def test_without_any_password_nobody_can_log_in() -> None:
    logins = Logins(ClientDirectory([LOCAL]))
    assert not logins.possible
    assert run(logins.check("local", b"")) is None
    logins.close()


def test_a_hash_that_is_none_lets_nobody_in() -> None:
    logins = Logins(ClientDirectory([ClientSettings("odd", password="$argon2id$nonsense")]))
    assert run(logins.check("odd", b"$argon2id$nonsense")) is None
    logins.close()


def test_the_same_login_at_the_same_time_is_checked_once_and_more_than_can_wait_are_turned_away(
    logins: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_MAX_WAITING", 2)

    async def many() -> tuple[list[object], list[object]]:
        same = await asyncio.gather(*(logins.check("mautic", PASSWORD) for _ in range(20)))
        different = await asyncio.gather(
            *(logins.check("mautic", b"%d" % number) for number in range(5)), return_exceptions=True
        )
        return same, different

    same, different = run(many())
    assert None not in same
    assert sum(isinstance(one, LoginBusyError) for one in different) == 3


def test_a_connection_that_goes_away_does_not_spoil_the_check_of_another(logins: Logins) -> None:
    async def one_of_two() -> object:
        first = asyncio.create_task(logins.check("mautic", PASSWORD))
        second = asyncio.create_task(logins.check("mautic", PASSWORD))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert run(one_of_two()) is not None


def dialogue(argument: bytes, *answers: bytes) -> object:
    left = list(answers)

    async def ask(_challenge: bytes) -> bytes:
        return left.pop(0)

    return run(ask_credentials(argument, ask))


def test_the_mechanisms_give_name_and_password() -> None:
    plain = b64encode(b"\0name\0secret\xff")
    assert dialogue(b"PLAIN " + plain) == ("name", b"secret\xff")
    assert dialogue(b"plain", plain) == ("name", b"secret\xff")
    assert dialogue(b"LOGIN", b64encode(b"name"), b64encode(b"secret")) == ("name", b"secret")
    assert dialogue(b"LOGIN " + b64encode("naïve".encode()), b"=") == ("naïve", b"")


@pytest.mark.parametrize("bad", [b"*", b"!", b"YQ", b"YQ==", b64encode(b"a\0b\0c\0d"), b"YWI=\x00", b"=", b" "])
def test_what_is_no_plain_message_ends_the_dialogue(bad: bytes) -> None:
    assert dialogue(b"PLAIN", bad) in (replies.BAD_BASE64, replies.LOGIN_CANCELLED)


def test_names_that_are_not_utf_8_and_acting_for_others_fail() -> None:
    assert dialogue(b"PLAIN " + b64encode(b"\0\xff\0secret")) == replies.LOGIN_FAILED
    assert dialogue(b"PLAIN " + b64encode(b"root\0name\0secret")) == replies.LOGIN_FAILED
    assert dialogue(b"PLAIN " + b64encode(b"name\0name\0secret")) == ("name", b"secret")


def test_other_mechanisms_are_not_known() -> None:
    for argument in (b"", b"CRAM-MD5", b"XOAUTH2 abc"):
        assert dialogue(argument) == replies.BAD_MECHANISM
