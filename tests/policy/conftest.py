"""Streams and policy files to start from; a test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.policy.files import load_policies
from relay.policy.model import Policies, Stream

NEWSLETTER = """\
version = 1

[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
purpose = { ja = "新商品のお知らせ", en = "Product news" }
audience = { ja = "会員の方", en = "members" }
list_id = "newsletter.brand.example"

[sender]
name = "Brand K.K."
postal_address = "1-1 Chiyoda, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"

[[match]]
client = ["mautic"]
mail_from = ["*@news.brand.example"]
"""

RECEIPTS = """\
version = 1

[stream]
id = "receipts"
brand = "brand"
kind = "transactional"

[[match]]
client = ["shop"]
mail_from = ["*@brand.example"]
"""

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

Write = Callable[..., Path]
Load = Callable[..., Policies]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function: texts by name of file (newsletter="...") -> the folder with these policy files."""

    def write_files(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path

    return write_files


@pytest.fixture
def load(write: Write) -> Load:
    """A function: texts by name of file (newsletter="...") -> Policies."""
    return lambda **texts: load_policies(write(**texts), NOW)


@pytest.fixture(scope="session")
def newsletter(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return _only_stream(tmp_path_factory, NEWSLETTER)


@pytest.fixture(scope="session")
def receipts(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return _only_stream(tmp_path_factory, RECEIPTS)


@pytest.fixture
def changed(newsletter: Stream) -> Callable[..., Stream]:
    """The newsletter with other values."""

    def change(**values: Any) -> Stream:
        return replace(newsletter, **values)

    return change


def _only_stream(tmp_path_factory: pytest.TempPathFactory, text: str) -> Stream:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "one.toml").write_text(text)
    return load_policies(folder).streams[0]


@pytest.fixture(scope="session")
def newsletter_text() -> str:
    return NEWSLETTER


@pytest.fixture(scope="session")
def receipts_text() -> str:
    return RECEIPTS
