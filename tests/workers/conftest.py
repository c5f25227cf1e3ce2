from __future__ import annotations

import pytest


@pytest.fixture
def yeses_of_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else mail is not held at all, because they could have been said while it was decided on."""
    monkeypatch.setattr("relay.store.open_queue._LONGEST_STEP", 0.0)
    monkeypatch.setattr("relay.store.open_queue._LOOK_EVERY", 0.0)
