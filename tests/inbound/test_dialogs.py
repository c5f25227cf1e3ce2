"""Plays tests/dialogs/*.smtp against a real listener, on asyncio's loop and on uvloop. The format: dialogs/README.md."""

from __future__ import annotations

import re
import shlex
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
from inbound.stage import LOCAL, LOOPS, MAUTIC, Notebook, Talk, listener, open_stage, quick, run

from relay.config.settings import ClientSettings, Login, Role

FOLDER: Final = Path(__file__).resolve().parents[1] / "dialogs"
DIALOGS: Final = sorted(FOLDER.glob("*.smtp"))
STRANGER: Final = ClientSettings("elsewhere", networks=(ip_network("192.0.2.0/24"),))
CLIENTS: Final = {"local": LOCAL, "mautic": MAUTIC, "elsewhere": STRANGER}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("file", DIALOGS, ids=lambda file: file.stem)
def test_a_dialogue_goes_as_written(file: Path, loop: str) -> None:
    run(play(file.name, file.read_text("utf-8")), loop)


def test_the_dialogues_are_found() -> None:
    assert len(DIALOGS) > 20


async def play(name: str, script: str) -> None:
    lines = [(number, line) for number, line in enumerate(script.splitlines(), 1) if line.strip()]
    setting, steps = {}, []
    for number, line in lines:
        if line.startswith("#"):
            continue
        kind, _, rest = line.partition(" ")
        if kind in ("listener", "limits", "clients"):
            setting[kind] = rest
        else:
            steps.append((number, line))
    notebook = Notebook()
    async with open_stage(
        notebook,
        listeners=[listener(**listener_options(setting.get("listener", "")))],
        limits=quick(**{name: float(value) for name, value in options(setting.get("limits", ""))}),
        clients=[CLIENTS[name] for name in setting.get("clients", "local").split()],
    ) as stage:
        talk = await stage.talk()
        for number, step in steps:
            try:
                await perform(step, talk, notebook)
            except (AssertionError, EOFError, TimeoutError) as error:
                raise AssertionError(f"{name}:{number}: {step}\n{error}") from error
    assert notebook.messages == [], "messages that the dialogue does not mention"


async def perform(step: str, talk: Talk, notebook: Notebook) -> None:
    kind, _, text = step.partition(" ")
    match kind:
        case "c:":
            await talk.send(text.encode() + b"\r\n")
        case "c!":  # octets, with \r \n \0 \xff
            await talk.send(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))
        case "s:":
            reply = await talk.reply()
            said = reply.startswith(text.removesuffix("...")) if text.endswith("...") else reply == text
            assert said, f"the relay said: {reply}"
        case "s~":
            reply = await talk.reply()
            assert re.fullmatch(text, reply, re.DOTALL), f"the relay said: {reply}"
        case "tls":
            await talk.encrypt()
        case "closed":
            assert await talk.is_closed(), "the connection is open"
        case "arrived":
            message = notebook.messages.pop(0)
            found = f"{message} | {message.content.decode('latin-1')!r}"
            assert found == text, f"arrived: {found}"
        case "as":
            found = str(notebook.transactions[-1].connection.protocol)
            assert found == text, f"as: {found}"
        case _:
            raise AssertionError("no such step")


def options(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (word.partition("=") for word in shlex.split(text))]


def listener_options(text: str) -> dict[str, Any]:
    kinds = {"login": Login, "role": Role, "tls": str}
    return {name: kinds[name](value) for name, value in options(text)}
