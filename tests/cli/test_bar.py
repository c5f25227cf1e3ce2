from __future__ import annotations

import io
import sys

import pytest

from relay.cli.bar import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("lines", 10) as on_more:
        on_more(10)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bar("lines", 10) as on_more:
        for _ in range(10):
            on_more(1)
    assert "lines" in terminal.getvalue()
