"""What is wrong in a file that a person wrote, where, and what to write instead. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Sorts by file and line.

    file: as the user named it. line: from 1, 0 when there is none (a missing file, the environment). key: dotted, as
    in `web.public_url`, "" when the whole file is meant. wrong and instead: words without a full stop; `instead` may
    be "".
    """

    file: str
    line: int
    key: str
    wrong: str
    instead: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        said = f"{self.wrong}, {self.instead}" if self.instead else self.wrong
        return f"{where}: {self.key}: {said}" if self.key else f"{where}: {said}"


class ProblemsError(Exception):
    """All problems found, sorted, without repetition; at least one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
