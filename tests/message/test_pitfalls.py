"""Thirty-nine ways in which programs that add footers and unsubscribe fields to mail have broken it, and not here.

Each test in test_pitfalls_*.py rebuilds what a public report describes (its address stands in the docstring) and asks for
the right result; every rewritten message is judged by tests/judge besides.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path


def test_every_one_of_the_thirty_nine_is_here() -> None:
    files = sorted(Path(__file__).parent.glob("test_pitfalls_*.py"))
    written = [
        one for file in files for one in ast.parse(file.read_text("utf-8")).body if isinstance(one, ast.FunctionDef)
    ]
    tests = [one for one in written if one.name.startswith("test_")]
    numbers = sorted(int(found[1]) for one in tests if (found := re.match(r"test_(\d\d)_", one.name)))
    assert numbers == list(range(1, 40))
    assert len(tests) == len(numbers)
    for test in tests:
        assert re.search(r"https?://\S+", ast.get_docstring(test) or ""), f"{test.name} cites no report"
