"""The targets over the seeds and over what fuzzing found; the fuzzing itself is described in README.md."""

from __future__ import annotations

import pytest
from fuzz.seeds import seeds_of
from fuzz.targets import TARGETS, WAYS, rewritten_in

CASES = [
    pytest.param(name, content, id=f"{name}-{seed}") for name in TARGETS for seed, content in seeds_of(name) if name != "rewriting"
]  # fmt: skip


@pytest.mark.parametrize(("target", "content"), CASES)
def test_a_seed_keeps_every_promise(target: str, content: bytes) -> None:
    TARGETS[target](content)


@pytest.mark.parametrize("content", [pytest.param(content, id=seed) for seed, content in seeds_of("rewriting")])
@pytest.mark.parametrize(("language", "rules"), WAYS, ids=range(len(WAYS)))
def test_a_message_is_rewritten_in_every_way(content: bytes, language: str, rules: object) -> None:
    rewritten_in(content, language, rules)  # type: ignore[arg-type]


def test_every_target_has_seeds() -> None:
    for name in TARGETS:
        assert list(seeds_of(name))
