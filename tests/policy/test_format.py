from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from relay.config.toml import Document, Problem, ProblemsError, read_document, validate
from relay.policy.format import PolicyFile

SHIPPED = sorted((Path(__file__).parents[2] / "policies").glob("*.toml"))


def tables(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for info in model.model_fields.values():
        for kind in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(kind, type) and not hasattr(kind, "__args__") and issubclass(kind, BaseModel):
                found += tables(kind)
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_policies_are_in_the_format(path: Path) -> None:
    validate(PolicyFile, read_document(path))


def test_every_key_of_every_table_is_described_in_one_line() -> None:
    for table in tables(PolicyFile):
        assert table.__doc__
        for name, info in table.model_fields.items():
            if table is PolicyFile and name not in ("version", "verdict"):
                continue  # a table of its own, which describes itself
            assert info.description, f"{table.__name__}.{name}"
            assert "\n" not in info.description
            assert not info.description.endswith(".")


def test_the_schema_knows_the_keys_as_they_stand_in_a_file() -> None:
    schema: dict[str, Any] = json.loads(json.dumps(PolicyFile.model_json_schema()))

    assert schema["required"] == ["version", "stream"]
    assert schema["additionalProperties"] is False
    assert "for" in schema["$defs"]["HoldTable"]["properties"]
    assert schema["properties"]["verdict"]["properties"]["stale"]["enum"] == ["defer", "discard", "hold"]
    assert schema["$defs"]["StreamTable"]["properties"]["kind"]


KEYS = sorted({info.alias or name for table in tables(PolicyFile) for name, info in table.model_fields.items()})
scalars = (
    st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=True)
    | st.dates()
    | st.sampled_from(["", "*", "never", "7d", "1d ago", "commercial", "a@b.example", "https://[", "\udcff", "x\n"])
    | st.text(max_size=5)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(PolicyFile.model_fields)), anything))
def test_any_data_is_read_or_refused_in_words(data: dict[str, Any]) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        validate(PolicyFile, Document(Path("p.toml"), data))
    except ProblemsError as error:
        problems = error.problems

    assert all(problem.wrong for problem in problems)
