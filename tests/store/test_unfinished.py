from __future__ import annotations

from pathlib import Path

import pytest
from store.samples import PSEUDONYMS, committer

from relay.store.port import StoreUnavailableError
from relay.store.reading import open_reader
from relay.store.unfinished import mark_of, require_finished


def test_nothing_opens_a_store_whose_restore_was_cut_short(tmp_path: Path) -> None:
    with committer(tmp_path):
        pass
    store = tmp_path / "relay.db"
    require_finished(store)
    mark_of(store).write_text("")
    with pytest.raises(StoreUnavailableError, match="run the same consent-relay db restore again"):
        require_finished(store)
    with pytest.raises(StoreUnavailableError, match="cut short"), committer(tmp_path):
        pass
    with pytest.raises(StoreUnavailableError, match="cut short"):
        open_reader(store, PSEUDONYMS)
