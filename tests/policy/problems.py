"""Whether a kind of value takes one, and the words for all that is wrong in a folder of policies."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from relay.config.toml import ProblemsError
from relay.policy.files import load_policies


def accepts(kind: object, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load_policies(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
