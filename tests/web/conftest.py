from __future__ import annotations

from collections.abc import Iterator

import pytest
from web.serving import Site, TroubledStore, running_site, shop_policies

from relay.policy.model import Policies


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    return shop_policies(tmp_path_factory.mktemp("policies"))


@pytest.fixture
def store() -> TroubledStore:
    return TroubledStore()


@pytest.fixture(scope="session")
def running() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def site(running: Site, store: TroubledStore, policies: Policies) -> Site:
    running.show(store, policies)
    return running
