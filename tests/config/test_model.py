from __future__ import annotations

import pytest

from relay.config import settings
from relay.config.load import load_settings
from relay.config.model import RelayFile
from relay.config.reference import keys_of, tables
from relay.config.toml import Table

KEYS = [(header, name, model) for _, header, model in tables() for name in model.model_fields]


@pytest.mark.parametrize(("header", "name", "model"), KEYS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_has_a_line_of_documentation_or_is_a_table(header: str, name: str, model: type[Table]) -> None:
    described = dict(keys_of(model))
    assert name in described or model is RelayFile
    if name in described:
        description = str(described[name].description)
        assert "\n" not in description
        assert not description.endswith(".")


def test_every_table_says_what_it_is_for() -> None:
    assert all((model.__doc__ or "").strip().endswith(".") for _, _, model in tables())


def test_a_key_without_a_default_to_show_has_an_example() -> None:
    shown = RelayFile().model_dump(mode="json")
    for name, _, model in tables():
        for key, info in keys_of(model):
            here = shown.get(name, {}) if name else shown
            value = (here[0] if isinstance(here, list) else here).get(key)
            assert value not in (None, "", []) or info.examples, f"{name}.{key}"


def test_an_empty_file_comes_to_the_defaults_of_the_values() -> None:
    read = load_settings(None, {})
    assert read.limits == settings.Limits()
    assert read.queue == settings.QueueSettings()
    assert read.retention == settings.Retention()
    assert read.log == settings.LogSettings()
    assert read.workers == settings.Workers()
    assert read.addresses == settings.AddressSettings()
