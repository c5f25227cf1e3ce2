from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journey import MAIL, NOW, Stage, one_copy, signer, stage

from relay import log
from relay.address import Address, address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Yes
from relay.decision import Decision, Result, new_id
from relay.envelope import Recipient, Transaction
from relay.message.compose import copy_for
from relay.message.dkim import dns_record
from relay.message.dkim import signed as rewriting_signed
from relay.message.index import index
from relay.policy.acceptance import Judged
from relay.policy.decide import decide
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reason import Reason

KNOWN = Facts(yes=Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW - timedelta(days=3), "form", live=False))


def test_what_leaves_is_signed_over_what_leaves(tmp_path: Path) -> None:
    copy = one_copy(tmp_path)
    record = dns_record(signer().key).encode()
    assert dkim.verify(copy, dnsfunc=lambda *_args, **_named: record)
    assert not dkim.verify(
        copy.replace(b"Subject: Spring", b"Subject: Autumn"), dnsfunc=lambda *_args, **_named: record
    )


@pytest.mark.parametrize("others", [(), ("taro@example.org",)])
def test_a_copy_names_its_reader_only_where_the_message_has_no_other(tmp_path: Path, others: tuple[str, ...]) -> None:
    async def play() -> None:
        async with stage(tmp_path) as on:
            tx, stream = on.begin(), load_policies(tmp_path / "policies", NOW).by_id["newsletter"]
            people = [Recipient(address_from_text(text)) for text in ("hanako@example.org", *others)]
            plan = await on.forwarder.plan(tx, stream, index(MAIL), people)
            for one in people:
                judged = Judged(one, decided(tx, stream, one), KNOWN)
                (outcome,) = await on.forwarder.forward(plan, [judged], nothing_speaks_against_it)
                assert outcome.result is Result.DELIVERED
            assert (b"for <hanako@example.org>" in on.hop.copy_of("hanako@example.org")) == (not others)

    asyncio.run(play())


def test_a_copy_of_ones_own_is_never_for_two(tmp_path: Path) -> None:
    async def play() -> None:
        async with stage(tmp_path) as on:
            tx, stream = on.begin(), load_policies(tmp_path / "policies", NOW).by_id["newsletter"]
            people = [Recipient(address_from_text(text)) for text in ("hanako@example.org", "taro@example.org")]
            plan = await on.forwarder.plan(tx, stream, index(MAIL), people)
            judged = [Judged(one, decided(tx, stream, one), KNOWN) for one in people]
            with pytest.raises(ValueError, match="too many values"):
                await on.forwarder.forward(plan, judged, nothing_speaks_against_it)
            assert on.hop.got == []

    asyncio.run(play())


def decided(tx: Transaction, stream: Stream, one: Recipient) -> Decision:
    decision = decide(tx, stream, one.address, KNOWN, NOW, decision_id=new_id(NOW, bytes(10)), after_data=True)
    assert decision.passes
    return decision


async def nothing_speaks_against_it(_: Sequence[Address]) -> None:
    return None


@pytest.mark.parametrize(("octets", "beside"), [(9_000, False), (40_000, True)])
def test_all_but_small_messages_are_worked_on_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: int, *, beside: bool
) -> None:
    threads: list[int] = []

    def noted(*arguments: object) -> object:
        threads.append(threading.get_ident())
        return copy_for(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("relay.rewriting.copy_for", noted)
    one_copy(tmp_path, MAIL + b"It is spring.\r\n" * (octets // 15))
    assert [one != threading.get_ident() for one in threads] == [beside]


def test_a_bug_in_making_one_copy_is_a_temporary_answer_and_a_log_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("bug")

    async def play() -> None:
        async with stage(tmp_path) as on:
            await on.yes("hanako@example.org")
            monkeypatch.setattr("relay.rewriting.copy_for", broken)
            _, reply = await on.send("hanako@example.org")
            assert reply is not None
            assert str(reply).startswith(f"451 4.3.0 {Reason.INTERNAL_ERROR}")
            assert on.hop.got == []

    asyncio.run(play())


def test_a_copy_that_our_own_look_finds_broken_never_leaves_and_raises_the_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def bent(content: bytes, *_: object) -> bytes:
        return rewriting_signed(content, [signer()], NOW).replace(b"It is spring", b"It is autumn")

    async def play() -> None:
        log.configure("-")
        async with stage(tmp_path) as on:
            await on.yes("hanako@example.org")
            monkeypatch.setattr("relay.rewriting.signed", bent)
            _, reply = await on.send("hanako@example.org")
            assert reply is not None
            assert str(reply).startswith(f"451 4.3.0 {Reason.INTERNAL_ERROR}")
            assert on.hop.got == []

    asyncio.run(play())
    [alarm] = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "copy-damaged" in line]
    assert alarm["level"] == "critical"
    assert "brand.example" in alarm["why"]
    assert len(alarm["id"]) == 26


async def _sent(on: Stage, content: bytes) -> bytes | None:
    on.hop.got.clear()
    _, reply = await on.send("hanako@example.org", content=content)
    assert reply is not None
    return on.hop.copy_of("hanako@example.org") if reply.is_success else None


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=60).map(lambda line: line.translate(None, b"\r\n\0")), max_size=12))
def test_whatever_the_content_the_mail_is_sent_with_all_of_it_or_asked_for_again(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    content = b"From: news@news.brand.example\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)

    async def play() -> bytes | None:
        async with stage(tmp_path_factory.mktemp("any")) as on:
            await on.yes("hanako@example.org")
            return await _sent(on, content)

    copy = asyncio.run(play())
    if copy is not None and content.isascii():
        rest = content.partition(b"\r\n\r\n")[2]
        assert rest.rstrip(b"\r\n") in copy
