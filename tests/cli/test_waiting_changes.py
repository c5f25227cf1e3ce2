from __future__ import annotations

import io
import json
import sys

import pytest
from cli.queues import queued, take, waiting
from cli.shop import Shop

from relay.cli import CommandError, waiting_changes
from relay.cli.waiting_changes import ask, choosing
from relay.config.load import load_settings
from relay.queued import State
from relay.store.interventions import Done, drop
from relay.store.waiting import WantedCopies


def test_many_copies_are_changed_in_several_transactions(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_changes, "_TOGETHER", 2)
    take(shop, *(queued(f"{number}@example.org") for number in range(5)))
    sizes = []

    def act(_connection: object, numbers: object) -> Done:
        sizes.append(len(list(numbers)))  # type: ignore[call-overload]
        return Done(1, 2, 3)

    with choosing(load_settings(None, {}), WantedCopies()) as chosen:
        assert len(chosen.found) == 5
        assert chosen.change(act) == Done(3, 6, 9)
    assert sizes == [2, 2, 1]


def test_the_log_gets_a_line_a_copy_and_no_address(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    settings = load_settings(None, {"RELAY_LOG__PATH": str(shop.folder / "relay.log")})
    (one,) = waiting(shop)
    with choosing(settings, WantedCopies()) as chosen:
        done = chosen.change(lambda c, n: drop(c, n, one.copy.at, states=tuple(State), bounce=False))
        chosen.tell_log("dropped", done, bounce=False)
    (line,) = (shop.folder / "relay.log").read_text().splitlines()
    told = json.loads(line)
    assert (told["event"], told["message"], told["id"]) == ("dropped", one.message.tx.id, one.copy.decision)
    assert "ann@example.org" not in line


def test_one_copy_goes_without_a_question_and_several_only_with_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ask("Sure?", 1, yes=False)
    ask("Sure?", 500, yes=True)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(CommandError, match="say --yes"):
        ask("Sure?", 2, yes=False)


def test_at_a_terminal_the_number_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _prompt: "3")
    ask("Sure?", 3, yes=False)
    with pytest.raises(CommandError, match="nothing was changed"):
        ask("Sure?", 4, yes=False)
