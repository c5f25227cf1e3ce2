from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from journey import NEWSLETTER, signer

from relay.address import address_from_text
from relay.config.load import load_settings
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.message.dkim import Signer
from relay.message.dsn import Action
from relay.policy.files import load_policies
from relay.store.keys import load_pseudonyms, load_token_keys
from relay.store.sqlite import open_store
from relay.wiring import (
    Shared,
    asker_of,
    bouncer_of,
    confirmations_of,
    hops_of,
    journey_of,
    notifications_of,
    reporter_of,
    retention_of,
    share_of,
    site_of,
)
from relay.workers.clock import CheckedStore, ClockGuard, moment
from relay.workers.own_mail import NO_CONNECTION, OwnMail

CONFIG = """\
policies = "policies"
[identity]
hostname = "relay.brand.example"
mail_domain = "relay.brand.example"
"""


def with_shared(
    folder: Path,
    story: Callable[[Shared], Awaitable[None]],
    more: str = "",
    dkim: Mapping[str, tuple[Signer, ...]] | None = None,
    mode: str = "enforce",
) -> None:
    (folder / "policies").mkdir()
    (folder / "policies" / "newsletter.toml").write_text(NEWSLETTER)
    (folder / "relay.toml").write_text(f'mode = "{mode}"\n{CONFIG}{more}')
    settings = load_settings(folder / "relay.toml", {})

    async def play() -> None:
        path = settings.store.path
        pseudonyms = load_pseudonyms(settings.keys.people, path)
        store = await open_store(path, settings.store.journal, pseudonyms)
        guard = ClockGuard(moment)
        policies = load_policies(settings.policies)
        shared = Shared(
            settings=settings,
            pseudonyms=pseudonyms,
            store=store,
            checked=CheckedStore(store, guard),
            guard=guard,
            policies=lambda: policies,
            tokens=load_token_keys(settings.keys.tokens),
            dkim=dkim or {},
            own_mail=OwnMail(mail_domain=settings.identity.mail_domain, randomness=secrets.token_bytes),
        )
        try:
            await story(shared)
        finally:
            await store.close()

    asyncio.run(play())


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_what_is_built_has_not_begun_to_work(tmp_path: Path) -> None:
    async def story(shared: Shared) -> None:
        tasks, files = asyncio.all_tasks(), files_in(tmp_path)
        hops, notifications = hops_of(shared.settings), notifications_of(shared)
        built = [
            retention_of(shared),
            confirmations_of(shared),
            reporter_of(shared),
            asker_of(shared),
            bouncer_of(shared, notifications),
            journey_of(shared, hops, notifications),
            site_of(shared),
        ]
        await asyncio.sleep(0)
        assert all(built)
        assert asyncio.all_tasks() == tasks
        assert files_in(tmp_path) == files

    with_shared(tmp_path, story)


@pytest.mark.parametrize(
    ("most", "processes", "share"), [(1000, 1, 1000), (1000, 4, 250), (10, 3, 3), (2, 4, 1), (1, 1, 1)]
)
def test_what_is_allowed_to_all_processes_is_shared_by_them(most: int, processes: int, share: int) -> None:
    assert share_of(most, processes) == share


@pytest.mark.parametrize(("processes", "told"), [(1, [True, True, True]), (3, [True, False, False])])
def test_a_process_tells_a_sender_of_as_much_as_its_share(tmp_path: Path, processes: int, told: list[bool]) -> None:
    async def story(shared: Shared) -> None:
        notifications, now = notifications_of(shared), shared.guard.now()
        tx = Transaction("01TX", now, Client("shop"), NO_CONNECTION, address_from_text("news@brand.example"))
        assert [notifications.may_tell(tx, Action.FAILED, now) for _ in told] == told

    with_shared(tmp_path, story, f"[queue]\nbounces = 3\n[workers]\nprocesses = {processes}\n")


@pytest.mark.parametrize(
    ("public_url", "signs", "one_click"),
    [
        ("http://127.0.0.1:8025", False, True),
        ("https://mail.brand.example", False, False),
        ("https://mail.brand.example", True, True),
    ],
)
def test_one_click_is_offered_where_a_mailbox_provider_would_take_it(
    tmp_path: Path, public_url: str, signs: bool, one_click: bool
) -> None:
    async def story(shared: Shared) -> None:
        assert asker_of(shared).write.one_click is one_click

    with_shared(
        tmp_path, story, f'[web]\npublic_url = "{public_url}"\n', {"brand.example": (signer(),)} if signs else None
    )


def test_only_clients_with_an_owner_are_reported_on(tmp_path: Path) -> None:
    async def story(shared: Shared) -> None:
        assert {name: str(owner) for name, owner in reporter_of(shared).owners.items()} == {"shop": "ops@brand.example"}

    clients = "".join(
        f'[[client]]\nname = "{name}"\nnetworks = ["127.0.0.{number}/32"]\nsenders = ["*"]\n{owner}'
        for number, (name, owner) in enumerate([("shop", 'owner = "ops@brand.example"\n'), ("other", "")], 1)
    )
    with_shared(tmp_path, story, clients)


def test_next_hops_that_failed_for_the_pipeline_are_known_to_be_away(tmp_path: Path) -> None:
    async def story(shared: Shared) -> None:
        hops = hops_of(shared.settings)
        pipeline = journey_of(shared, hops, notifications_of(shared)).pipeline
        sender = address_from_text("receipts@shop.example")  # of no policy: passes, whoever reads it
        reader = Recipient(address_from_text("ann@example.org"))
        connection = Connection("127.0.0.1", "mailer.example", "ESMTP")
        replies: list[str] = []
        while "is away" not in "".join(replies) and len(replies) < 20:
            tx = pipeline.begin(Client("local"), connection, sender, MailParameters())
            replies.append(str(await pipeline.at_data(tx, [reader], b"Subject: news\r\n\r\nnews\r\n")))
        assert all("250 2.0.0 queued: next-hop-deferred" in reply for reply in replies)
        assert 1 < len(replies) < 20
        await hops.next_hops.close()

    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with_shared(tmp_path, story, f'[[next_hop]]\naddress = "127.0.0.1:{port}"\n', mode="observe")
