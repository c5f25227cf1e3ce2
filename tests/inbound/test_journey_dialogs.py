"""Plays tests/dialogs/journey/*.smtp: as the other dialogues, with the whole journey behind the listener. The format:
dialogs/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from inbound.stage import LOCAL, LOOPS, Notebook, listener, run, settings
from inbound.stage import Stage as Listening
from inbound.test_dialogs import options, perform
from journey import NEWSLETTER, RECEIPTS, Stage, stage

from relay.config.settings import ClientSettings
from relay.envelope import Refusal
from relay.inbound.listener import start_listeners
from relay.store.queue import Caps

FOLDER: Final = Path(__file__).resolve().parents[1] / "dialogs" / "journey"
DIALOGS: Final = sorted(FOLDER.glob("*.smtp"))
#: What a dialogue may set up, once each; `yes` as often as there are people.
SETTINGS: Final = ("client", "caps", "verdict", "message", "streams")
#: What is looked at, and must be empty where the dialogue does not mention it.
ENDS: Final = ("sent", "waiting", "reported")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("file", DIALOGS, ids=lambda file: file.stem)
def test_a_dialogue_goes_as_written_and_everybody_has_one_place(file: Path, loop: str, tmp_path: Path) -> None:
    run(play(file.name, file.read_text("utf-8"), tmp_path), loop)


def test_the_dialogues_are_found() -> None:
    assert len(DIALOGS) >= 10


async def play(name: str, script: str, folder: Path) -> None:
    setting: dict[str, str] = {}
    known: dict[str, float] = {}
    steps = []
    for number, line in enumerate(script.splitlines(), 1):
        kind, _, rest = line.partition(" ")
        if kind in SETTINGS:
            setting[kind] = rest
        elif kind == "yes":
            address, days = rest.split()
            known[address] = float(days.removesuffix("d"))
        elif line and kind != "#":
            steps.append((number, line))
    caps = Caps(**{key: int(value) for key, value in options(setting.get("caps", ""))})
    async with stage(folder, policies=policies(setting), caps=caps, known=known) as on:
        listeners = await start_listeners(settings(listeners=[listener()], clients=[client(setting)]), on.pipeline)
        listening = Listening(listeners, Notebook())
        try:
            talk = await listening.talk()
            left = set(ENDS)
            for number, step in steps:
                left.discard(step.partition(" ")[0])
                try:
                    if not await happened(step, on):
                        await perform(step, talk, listening.notebook)
                except (AssertionError, EOFError, TimeoutError) as error:
                    raise AssertionError(f"{name}:{number}: {step}\n{error}") from error
            assert {kind: ends(on)[kind] for kind in left} == dict.fromkeys(left, ""), (
                "what the dialogue does not mention"
            )
        finally:
            await listening.leave()
            listeners.stop_accepting()
            await listeners.drain(5)
            await listeners.close()


async def happened(step: str, on: Stage) -> bool:
    """Is it a step of the world around the connection? Then it has been taken."""
    kind, _, text = step.partition(" ")
    match kind:
        case "hop":
            address, _, on.hop.answers[address] = text.partition(" ")
        case "no":
            await on.no(text)
        case "deliver":
            await on.deliver()
        case _ if kind in ENDS:
            assert ends(on)[kind] == text, f"{kind}: {ends(on)[kind]}"
        case _:
            return False
    return True


def policies(setting: Mapping[str, str]) -> dict[str, str]:
    words = dict(options(setting.get("message", "")))
    newsletter = NEWSLETTER + table("verdict", dict(options(setting.get("verdict", "")))) + table("message", words)
    receipts = RECEIPTS
    if (
        setting.get("streams") == "by-header"
    ):  # RCPT cannot tell which of the two it is, so everything is decided at DATA
        receipts = re.sub(r"mail_from = .*", 'mail_from = ["*@news.brand.example", "<>"]', receipts)
        newsletter = newsletter.replace(
            'mail_from = ["*@news.brand.example"]', 'mail_from = ["*@news.brand.example", "<>"]'
        )
    return {"newsletter": newsletter, "receipts": receipts}


def table(name: str, values: Mapping[str, str]) -> str:
    return "" if not values else f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())


def client(setting: Mapping[str, str]) -> ClientSettings:
    values = dict(options(setting.get("client", "")))
    return ClientSettings(
        "shop",
        networks=LOCAL.networks,
        retries=values.get("retries") == "true",
        refusal=Refusal(values.get("refusal", "reject")),
    )


def ends(on: Stage) -> dict[str, str]:
    """Where everybody is, in one line each."""
    return {
        "sent": ", ".join(address for _, recipients, _ in on.hop.got for address in recipients),
        "waiting": ", ".join(" ".join(one) for one in on.states()),
        "reported": ", ".join(" ".join(one) for one in on.reported()),
    }
