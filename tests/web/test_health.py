from __future__ import annotations

import pytest
from web.serving import KEYS, NOW, Site, TroubledStore

from relay.policy.model import Policies
from relay.store.port import StoreUnavailableError
from relay.web.app import build_app


def test_a_living_process_says_so_whatever_the_store_does(site: Site, store: TroubledStore) -> None:
    store.trouble = StoreUnavailableError("disk full")
    answer = site.ask("GET", "/healthz")
    assert (answer.status, answer.body) == (200, "ok\n")
    assert store.asked == 0


def test_it_is_ready_when_the_store_answers(site: Site, store: TroubledStore) -> None:
    assert site.ask("GET", "/readyz").status == 200
    assert store.asked == 1


def test_it_is_not_ready_when_the_store_is_away_and_keeps_the_cause_to_itself(site: Site, store: TroubledStore) -> None:
    store.trouble = StoreUnavailableError("/var/lib/relay.db: disk full")
    answer = site.ask("GET", "/readyz")
    assert answer.status == 503
    assert "relay.db" not in answer.body


def test_it_is_not_ready_when_the_store_is_slow(
    site: Site, store: TroubledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.web.health._PATIENCE", 0.05)
    store.delay = 5
    assert site.ask("GET", "/readyz").status == 503


def test_it_is_not_ready_while_the_clock_is_wrong(site: Site, store: TroubledStore, policies: Policies) -> None:
    site.served.app = build_app(store, lambda: policies, KEYS, lambda: NOW, clock_trouble=lambda: "it jumped")
    answer = site.ask("GET", "/readyz")
    assert (answer.status, answer.body) == (503, "the clock is wrong\n")
    assert site.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_use_head_but_not_post(site: Site, path: str) -> None:
    assert site.ask("HEAD", path).status == 200
    assert site.ask("POST", path).status == 405
