"""The direction of imports, and what pure code may not import. The picture is in README's "How it is built"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "relay"

#: Modules that stand at the top of the package and hold values; everything may use them.
VALUES: Final = ("address", "address_wide", "reply", "reason", "decision", "envelope", "schedule", "tokens")

BELOW_STORE: Final = {"queued", "log", "metrics", "message", "policy", "consent", "config"}
BELOW_PIPELINE: Final = BELOW_STORE | {"store", "outbound"}

#: The journey of a message, with its effects: one part.
JOURNEY: Final = ("pipeline", "judging", "records", "second_look", "disposal", "rewriting")

#: What each part may import, itself and the values always included. A part that is not named may be imported by none.
MAY_IMPORT: Final = {
    "values": set[str](),
    "consent": set(),
    # values, too; what is written in one step may be lines of the ledger
    "queued": {"consent"},
    "message": {"queued"},
    "config": {"consent"},
    # reads TOML as the configuration does, and knows nothing of the settings; its choices are those of the rewriting
    "policy": {"queued", "config.toml", "config.mistakes", "config.problems", "config.durations", "consent", "message"},
    "log": {"config", "queued"},
    "metrics": {"config"},
    "store": BELOW_STORE,
    "outbound": BELOW_STORE,
    "pipeline": BELOW_PIPELINE,
    "inbound": BELOW_PIPELINE | {"pipeline"},
    "web": BELOW_PIPELINE | {"pipeline"},
    "workers": BELOW_PIPELINE | {"pipeline"},
    "wiring": BELOW_PIPELINE | {"pipeline", "web", "workers"},
    "app": BELOW_PIPELINE | {"pipeline", "inbound", "web", "workers", "wiring"},
    "cli": BELOW_PIPELINE | {"pipeline", "inbound", "web", "workers", "app"},
    "__main__": {"cli"},
}

#: Pure: time, keys, facts and randomness arrive as arguments.
PURE: Final = ("values", "queued", "consent", "policy", "message")
#: What reads the policy files; it also asks the configuration where the shipped ones lie.
READS_FILES: Final = frozenset({"relay.policy.files"})

#: Modules that do IO, keep time or make randomness, by their first or full name.
IMPURE_MODULES: Final = frozenset(
    "aiosmtpd aiosqlite asyncio concurrent fcntl glob http io.open logging mmap multiprocessing os random requests "
    "secrets select selectors shutil signal smtplib socket socketserver sqlite3 ssl starlette structlog subprocess sys "
    "tempfile threading time urllib.request urllib3 uuid uvicorn uvloop".split()
)
IMPURE_CALLS: Final = frozenset(
    "datetime.now datetime.utcnow datetime.today date.today open input print breakpoint".split()
)
FILE_MODULES: Final = frozenset({"os", "pathlib"})


@dataclass(frozen=True, slots=True)
class Import:
    importer: str
    line: int
    imported: str

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield module_name(file), ast.parse(file.read_text("utf-8"), str(file))


def imports_of(name: str, tree: ast.Module) -> Iterator[Import]:
    """Every import of the module, those inside functions too; `from a import b` counts as a.b when that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(name, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield Import(name, node.lineno, full if is_our_module(full) else node.module)


def is_our_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith("relay.") and (path.with_suffix(".py").exists() or (path / "__init__.py").exists())


def part_of(module: str) -> str:
    """`relay.store.sqlite` -> `store`; the modules of values are one part, and so is the journey with its effects."""
    first = module.split(".")[1]
    return "values" if first in VALUES else "pipeline" if first in JOURNEY else first


def is_allowed(edge: Import) -> bool:
    importer, imported = part_of(edge.importer), part_of(edge.imported)
    if imported in (importer, "values"):
        return True
    inside = edge.imported.removeprefix("relay.")
    may = MAY_IMPORT[importer] | ({"config"} if edge.importer in READS_FILES else set())
    return imported in may or any(inside == one or inside.startswith(f"{one}.") for one in may)


ALL: Final = dict(modules())


@pytest.mark.parametrize("name", [name for name in ALL if name != "relay"])
def test_imports_point_down(name: str) -> None:
    assert part_of(name) in MAY_IMPORT, f"{name} belongs to no part: give it a place in MAY_IMPORT"
    # `from relay import __version__` is no dependency on a part
    ours = [edge for edge in imports_of(name, ALL[name]) if edge.imported.startswith("relay.")]
    assert [str(edge) for edge in ours if not is_allowed(edge)] == []


@pytest.mark.parametrize("name", [name for name in ALL if name != "relay" and part_of(name) in PURE])
def test_pure_modules_import_no_io(name: str) -> None:
    allowed = FILE_MODULES if name in READS_FILES else frozenset()
    impure = [
        str(edge)
        for edge in imports_of(name, ALL[name])
        if edge.imported not in allowed and {edge.imported, edge.imported.split(".")[0]} & IMPURE_MODULES
    ]
    if name not in READS_FILES:
        impure += [str(edge) for edge in imports_of(name, ALL[name]) if edge.imported == "pathlib"]
    assert impure == []


@pytest.mark.parametrize(
    "name", [name for name in ALL if name != "relay" and part_of(name) in PURE and name not in READS_FILES]
)
def test_pure_modules_ask_no_clock_and_open_nothing(name: str) -> None:
    calls = [node for node in ast.walk(ALL[name]) if isinstance(node, ast.Call)]
    assert [f"{name}:{call.lineno} calls {ast.unparse(call.func)}" for call in calls if is_impure_call(call)] == []


def is_impure_call(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    return any(function == impure or function.endswith(f".{impure}") for impure in IMPURE_CALLS if "." in impure) or (
        function in IMPURE_CALLS
    )


def test_the_rules_notice_an_offence() -> None:
    tree = ast.parse("import os.path\nfrom relay.store import port\nfrom datetime import datetime\ndatetime.now()\n")
    found = list(imports_of("relay.consent.status", tree))
    assert not is_allowed(found[1])
    assert found[1].imported == "relay.store.port"
    assert found[0].imported.split(".")[0] in IMPURE_MODULES
    assert [is_impure_call(node) for node in ast.walk(tree) if isinstance(node, ast.Call)] == [True]
