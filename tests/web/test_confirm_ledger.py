"""What a link does to the ledger, in a store as it is in use."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from web.confirming import FORM, OLD_YES, path, tick
from web.serving import NOW, POLICY, READER, Answer, Site, token_for

from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.pseudonyms import Pseudonyms
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.sqlite import SqliteStore, open_store


class Ledger:
    """A store of its own, on the loop of the server."""

    def __init__(self, site: Site, folder: Path, policies: Policies) -> None:
        self.site = site
        self.file = folder / "relay.db"
        self.store: SqliteStore = site.run(open_store(self.file, folder / "withdrawals.journal", Pseudonyms(b"k" * 32)))
        site.show(self.store, policies)

    def facts(self) -> Facts:
        return self.site.run(self.store.facts("brand", "newsletter", [READER]))[READER]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def real(site: Site, tmp_path: Path, policies: Policies) -> Iterator[Ledger]:
    found = Ledger(site, tmp_path, policies)
    yield found
    site.run(found.store.close())


def old_yes() -> Event:
    return Event(
        id="01J00000000000000000000000", kind=EventKind.GRANT, address=READER, brand="brand", stream="newsletter",
        at=OLD_YES.at, recorded_at=OLD_YES.at, source="fair", recorder="cli", basis=Basis.DOUBLE_OPT_IN,
    )  # fmt: skip


def test_a_link_used_over_and_over_is_one_yes(site: Site, real: Ledger) -> None:
    real.site.run(real.store.append([old_yes()]))
    answers = [tick(site) for _ in range(15)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert real.rows("SELECT count(*) FROM ledger WHERE kind = 'renew'") == [(1,)]
    assert real.rows("SELECT uses, text IS NOT NULL FROM wordings") == [(1, 1)]


def test_a_link_used_at_the_same_moment_is_one_yes(site: Site, real: Ledger) -> None:
    async def at_once() -> list[Answer]:
        return list(await asyncio.gather(*(asyncio.to_thread(tick, site) for _ in range(20))))

    assert {answer.status for answer in asyncio.run(at_once())} == {200}
    assert real.rows("SELECT count(*) FROM ledger") == [(1,)]


def test_a_tick_makes_the_consent_fresh_and_a_later_no_ends_the_links_life(site: Site, real: Ledger) -> None:
    real.site.run(real.store.append([old_yes()]))
    tick(site)
    yes = real.facts().yes
    assert yes is not None
    assert (yes.at, yes.act) == (NOW, Act.TICKED)
    assert site.ask("POST", f"/u/{token_for()}", urlencode({"List-Unsubscribe": "One-Click"}), FORM).status == 200
    assert real.facts().withdrawn_at is not None
    assert tick(site).status == 409
    assert real.facts().withdrawn_at is not None
    assert real.rows("SELECT count(*) FROM ledger") == [(3,)]


def test_a_fresh_link_after_a_no_is_the_persons_own_new_yes(site: Site, real: Ledger) -> None:
    site.ask("POST", f"/u/{token_for()}", urlencode({"List-Unsubscribe": "One-Click"}), FORM)
    site.show(real.store, load_of(real), now=NOW + timedelta(hours=2))
    assert tick(site, path(sent=NOW + timedelta(hours=1))).status == 200
    assert real.facts().withdrawn_at is None
    assert real.facts().yes is not None


def load_of(real: Ledger) -> Policies:
    (real.file.parent / "policies").mkdir()
    (real.file.parent / "policies" / "newsletter.toml").write_text(POLICY, "utf-8")
    return load_policies(real.file.parent / "policies")
