"""Inputs to begin with: tests/golden, the files in seeds/TARGET, and what was found before, which never comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_GOLDEN: Final = _HERE.parent / "golden"
#: Targets that read whole messages.
_OF_MESSAGES: Final = frozenset({"structure", "rewriting"})


def seeds_of(target: str) -> Iterator[tuple[str, bytes]]:
    """Names and octets."""
    folder = "messages" if target in _OF_MESSAGES else target
    for path in sorted((_HERE / "seeds" / folder).iterdir()):
        yield path.name, path.read_bytes()
    if target in _OF_MESSAGES:
        for path in sorted(_GOLDEN.glob("*.in.eml")):
            yield path.name, path.read_bytes()
