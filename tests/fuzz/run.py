"""Mutates inputs of one target with atheris, guided by the branches of relay.message that they reach.

    python tests/fuzz/run.py TARGET [--runs N] [--seconds N] [--found FOLDER]

Starts from the seeds (see seeds.py). An input that breaks a promise is printed with its traceback, and written to the
folder of finds; atheris ends with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["relay.message"]):
    from fuzz.targets import MAX_SIZE, TARGETS

from fuzz.seeds import seeds_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz", description="feed one target with mutated octets")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=-1, help="inputs (default: without end)")
    parser.add_argument("--seconds", type=int, default=0, help="time (default: without end)")
    parser.add_argument("--found", type=Path, help="folder for what breaks (default: a temporary one)")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{chosen.target}-"))
    for name, content in seeds_of(chosen.target):
        (folder / name.replace("/", "_")).write_bytes(content)
    found = chosen.found or Path(tempfile.mkdtemp(prefix=f"fuzz-{chosen.target}-found-"))
    found.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"inputs in {folder}, finds in {found}\n")
    atheris.Setup(
        [
            "fuzz", str(folder), f"-runs={chosen.runs}", f"-max_total_time={chosen.seconds}", f"-max_len={MAX_SIZE}",
            f"-artifact_prefix={found}/", f"-dict={Path(__file__).parent / 'words.dict'}", "-timeout=10", "-rss_limit_mb=2048",
        ],
        TARGETS[chosen.target],
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main()
