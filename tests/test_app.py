from __future__ import annotations

import asyncio
import json
import multiprocessing
import smtplib
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from journey import NEWSLETTER, NOW
from patience import LONG
from store.samples import ANN

from relay import log
from relay.app import PolicyBook, hash_key, run_worker, running
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.consent.events import Event, EventKind
from relay.decision import new_id
from relay.store.keys import KeyFileError, load_token_keys
from relay.tokens import Claims, Purpose, seal
from relay.workers.clock import Moment, moment
from relay.workers.supervisor import READY

CONFIG = """\
policies = "policies"
[[listener]]
address = "127.0.0.1:0"
[web]
address = "127.0.0.1:0"
public_url = "http://127.0.0.1:8025"
"""


def settings_in(folder: Path, more: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "newsletter.toml").write_text(NEWSLETTER)
    (folder / "relay.toml").write_text(CONFIG + more)
    return load_settings(folder / "relay.toml", environ or {})


def test_a_relay_listens_for_mail_and_for_people_and_lets_go_of_all(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(settings_in(tmp_path)) as relay:
            smtp = relay.smtp[0]

            def use() -> tuple[int, int]:
                with smtplib.SMTP(smtp.host, smtp.port) as client:
                    client.ehlo()
                    code, _ = client.mail("news@news.brand.example")
                with urllib.request.urlopen(f"http://{relay.web}/readyz") as response:
                    return code, response.status

            assert await asyncio.to_thread(use) == (250, 200)
        with pytest.raises(OSError):  # noqa: PT011 - nothing listens any more
            await asyncio.open_connection(smtp.host, smtp.port)

    asyncio.run(play())


def test_while_the_last_mail_is_finished_nobody_else_is_let_in(tmp_path: Path) -> None:
    async def play() -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.set()
            await go_on.wait()
            writer.close()

        hop = await asyncio.start_server(stall, "127.0.0.1", 0)
        port = hop.sockets[0].getsockname()[1]
        settings = settings_in(tmp_path, f'[[next_hop]]\naddress = "127.0.0.1:{port}"\n', {"RELAY_MODE": "observe"})
        async with hop:
            relay = running(settings)
            smtp = (await relay.__aenter__()).smtp[0]
            reader, writer = await asyncio.open_connection(smtp.host, smtp.port)
            writer.write(b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
            await reader.readuntil(b"\r\n354 ")
            writer.write(b"Subject: last\r\n\r\nmail\r\n.\r\n")
            await reached.wait()
            leaving = asyncio.create_task(relay.__aexit__(None, None, None))
            await asyncio.sleep(0.1)
            assert not leaving.done()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(smtp.host, smtp.port)
            go_on.set()
            assert b"\r\n250 2.0.0 queued: next-hop-deferred: " in await reader.read()  # on disk, for the next start
            await leaving
            writer.close()

    asyncio.run(play())


def test_by_a_wrong_clock_nobody_is_judged_and_everybody_may_leave(tmp_path: Path) -> None:
    """Without a header that settles it, mail in mode observe passes to anybody: not even that, now."""
    log.configure(str(tmp_path / "log"))
    ahead = timedelta(0)

    def look() -> Moment:
        now = moment()
        return Moment(now.wall + ahead, now.boottime)

    async def play() -> None:
        nonlocal ahead
        settings = settings_in(tmp_path)
        token = seal(
            load_token_keys(settings.keys.tokens),
            Purpose.UNSUBSCRIBE,
            Claims(ANN, "newsletter", new_id(NOW, b"0123456789")),
        )
        async with running(settings, look=look) as relay:
            smtp = relay.smtp[0]

            def mail() -> tuple[int, bytes]:
                with smtplib.SMTP(smtp.host, smtp.port) as client:
                    client.ehlo()
                    client.mail("news@news.brand.example")
                    return client.rcpt("ann@example.com")

            def web(path: str, body: bytes | None = None) -> int:
                try:
                    with urllib.request.urlopen(f"http://{relay.web}{path}", body) as response:
                        return int(response.status)
                except urllib.error.HTTPError as refused:
                    return refused.code

            assert (await asyncio.to_thread(mail))[0] == 550
            ahead = timedelta(days=2)
            code, words = await asyncio.to_thread(mail)
            assert code == 451
            assert words.startswith(b"4.3.0 clock-wrong: ")
            assert await asyncio.to_thread(web, "/readyz") == 503
            assert await asyncio.to_thread(web, "/healthz") == 200
            assert await asyncio.to_thread(web, f"/u/{token}", b"List-Unsubscribe=One-Click") == 200
            ahead = timedelta(0)
            assert await asyncio.to_thread(web, "/readyz") == 200
            code, words = await asyncio.to_thread(mail)
            assert words.startswith(b"5.7.1 withdrawn: ")

    asyncio.run(play())
    told = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert [event for event in told if event.startswith("clock")] == ["clock-wrong", "clock-right"]


def test_a_relay_whose_clock_is_behind_its_store_judges_nobody(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))

    async def play() -> None:
        settings = settings_in(tmp_path)
        async with running(settings) as relay:
            event = Event("ID", EventKind.WITHDRAW, ANN, "brand", "newsletter", None, moment().wall, "", "test")
            await relay.store.append([event])
        now = moment()
        async with running(settings, look=lambda: Moment(now.wall - timedelta(minutes=6), now.boottime)):
            await asyncio.sleep(0)
        assert '"event":"clock-wrong"' in (tmp_path / "log").read_text()

    asyncio.run(play())


def test_what_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(settings_in(tmp_path)) as first:
            (tmp_path / "other").mkdir()
            taken = settings_in(tmp_path / "other", environ=None)
            clash = load_settings(
                tmp_path / "other" / "relay.toml",
                {"RELAY_LISTENER": json.dumps([{"address": "127.0.0.1:0"}, {"address": "203.0.113.7:25"}])},
            )
            assert taken.folder != first.web
            with pytest.raises(OSError, match=r"203\.0\.113\.7:25"):
                async with running(clash):
                    pass
            async with running(taken):  # its store is free again
                pass

    asyncio.run(play())


def test_a_reload_takes_good_policies_and_keeps_the_old_ones_instead_of_bad(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    book = PolicyBook(settings_in(tmp_path))
    before = book.current()
    policy = tmp_path / "policies" / "newsletter.toml"
    policy.write_text(NEWSLETTER.replace('"double-opt-in"', '"dubble-opt-in"'))
    book.reload()
    assert book.current() is before
    assert f"{policy}:" in (tmp_path / "log").read_text()
    policy.write_text(NEWSLETTER.replace("Product news", "Other news"))
    book.reload()
    assert book.current().streams[0].purpose["en"] == "Other news"


def test_a_worker_says_in_one_line_why_it_cannot_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "policies" / "newsletter.toml").write_text("version = 1\n[stream]\nkind = 7\n")
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=run_worker, args=(settings, 0, theirs))
    worker.start()
    theirs.close()
    assert ours.poll(LONG)
    message = ours.recv()
    worker.join(LONG)
    assert message != READY
    assert "newsletter.toml:3" in message
    assert "\n" not in message
    assert worker.exitcode == 1


def test_a_worker_serves_until_its_supervisor_is_gone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, '[log]\npath = "log"\n')
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=run_worker, args=(settings, 0, theirs))
    worker.start()
    theirs.close()
    assert ours.poll(LONG)
    assert ours.recv() == READY
    ours.close()
    worker.join(LONG)
    assert worker.exitcode == 0
    assert '"event":"listening"' in (tmp_path / "log").read_text()


def test_addresses_are_hashed_only_where_that_is_asked_for(tmp_path: Path) -> None:
    assert hash_key(settings_in(tmp_path)) is None
    hashed = settings_in(tmp_path, '[log]\naddresses = "hashed"\n')
    key = hash_key(hashed)
    assert key is not None
    assert hash_key(hashed) == key
    assert hashed.keys.addresses.stat().st_mode & 0o077 == 0
    hashed.keys.addresses.write_text("short")
    with pytest.raises(KeyFileError, match="hexadecimal"):
        hash_key(hashed)
