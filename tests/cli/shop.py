"""A folder in which commands run as a user runs them: the shipped policies, an empty store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay.cli import main
from relay.store.committing import Committer
from relay.store.keys import load_pseudonyms


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shop:
    """Runs `consent-relay` in `folder`, which is the current one."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def run(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as exited:  # argparse: wrong usage
            code = int(exited.code or 0)
        printed = self._capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    @contextmanager
    def store(self) -> Iterator[Committer]:
        var = self.folder / "var"
        pseudonyms = load_pseudonyms(var / "keys" / "people.key")
        with closing(Committer(var / "relay.db", var / "withdrawals.journal", pseudonyms)) as committer:
            yield committer

    def standing(self, address: str, stream: str = "newsletter") -> Any:
        shown = self.run("consent", "show", address, "--json").json
        (found,) = [one for one in shown["streams"] if one["stream"] == stream]
        return found
