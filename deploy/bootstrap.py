#!/usr/bin/env python3
"""From a checkout to a running relay or a finished test run, in one command. Standard library only, Python 3.11 or newer.

    python3 deploy/bootstrap.py demo [ARGUMENTS OF consent-relay demo]
    python3 deploy/bootstrap.py test [ARGUMENTS OF pytest]
    python3 deploy/bootstrap.py bench [ARGUMENTS OF tests/bench/run.py]
    python3 deploy/bootstrap.py faults long|soak [ARGUMENTS, see tests/faults/README.md]
    python3 deploy/bootstrap.py lock

`demo` makes .venv, installs the hashed requirements and the package into it and runs the demo. `test` adds what the
tests need, Debian's packages included when it may install them and a DKIM verifier for Node, and runs the linters, the
type checker and the tests; with arguments it runs only pytest with them. `bench` measures how fast the relay is. `faults` kills one
for a long time and judges what it promised. `lock` writes the hashed
requirements anew from pyproject.toml.
A second run finds everything in place and starts at once. Nothing outside the checkout is changed, but for Debian's
packages, and those only by root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent.parent
DEPLOY: Final = ROOT / "deploy"
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
STAMP: Final = VENV / "installed.json"
#: A DKIM verifier for the tests: what it is, and where it goes.
MAILAUTH_LOCK: Final = ROOT / "tests" / "integration" / "mailauth"
MAILAUTH: Final = VENV / "mailauth"
OLDEST: Final = (3, 11)

BUILD: Final = "requirements-build.txt"
#: what a command needs: its file of hashed requirements. The test set holds the demo's with the same versions.
REQUIREMENTS: Final = {"demo": "requirements.txt", "test": "requirements-test.txt"}

#: At most so many test processes; they share the machine with Postfix and Chromium.
TEST_PROCESSES: Final = 4
#: For each core: half of their time they wait for peers.
PROCESSES_A_CORE: Final = 2
#: No single test takes longer, on a machine that is busy with other things, too.
TEST_SECONDS: Final = 300


def main(arguments: Sequence[str]) -> int:
    if sys.version_info < OLDEST:
        fail(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]} ({sys.executable})")
    command, *rest = arguments or ["(none)"]
    if command == "demo":
        prepare("demo")
        sys.stdout.flush()
        os.execv(VENV / "bin" / "consent-relay", ["consent-relay", "demo", *rest])  # noqa: S606 - no shell is wanted
    if command == "test":
        prepare("test")
        require_peers()
        require_mailauth()
        return run_tests(rest)
    if command == "bench":
        prepare("test")
        require_peers()
        return run_module("bench.run", rest)
    if command == "faults" and rest[:1] in (["long"], ["soak"]):
        prepare("test")
        require_peers()
        return run_module(f"faults.{rest[0]}", rest[1:])
    if command == "lock":
        lock()
        return 0
    print((__doc__ or "").strip())
    return 0 if command in ("-h", "--help", "help") else 2


def fail(why: str) -> NoReturn:
    print(f"bootstrap: {why}", file=sys.stderr)
    raise SystemExit(1)


def say(what: str) -> None:
    print(f"bootstrap: {what}", flush=True)


def run(*command: str | Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a step that has to succeed; its own output tells why when it does not."""
    if subprocess.run(command, cwd=ROOT, env=environ, check=False, stdin=subprocess.DEVNULL).returncode:
        fail(f"this failed: {' '.join(map(str, command))}")


# --- the environment -------------------------------------------------------------------------------------------------


def prepare(needed: str) -> None:
    """Make .venv hold the package and the requirements that `needed` names; quick when it does already."""
    wanted = fingerprints()
    installed = read_stamp()
    if installed.get("python") != wanted["python"]:
        make_environment()
        installed = {"python": wanted["python"]}
    if installed.get(needed) == wanted[needed]:
        return
    STAMP.unlink(missing_ok=True)  # an installation that is cut short is begun anew, not trusted
    say(f"installing {REQUIREMENTS[needed]} into .venv (once)")
    install("-r", str(DEPLOY / BUILD))
    # dkimpy comes as source: built with the hashed tools just installed, not with what an isolated build would fetch.
    install("--no-build-isolation", "--use-pep517", "-r", str(DEPLOY / REQUIREMENTS[needed]))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    # The test set holds the demo's requirements too.
    done = {"demo", "test"} if needed == "test" else {needed}
    STAMP.write_text(json.dumps({"python": wanted["python"], **{name: wanted[name] for name in done}}), "utf-8")


def fingerprints() -> dict[str, str]:
    """What each part of the environment is made from; a change of any input changes it."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    shared = [DEPLOY / "bootstrap.py", DEPLOY / BUILD, ROOT / "pyproject.toml"]
    prints = {name: digest([*shared, DEPLOY / file]) for name, file in REQUIREMENTS.items()}
    return {"python": f"{base} {sys.version}", **prints}


def digest(files: Sequence[Path]) -> str:
    every = hashlib.sha256()
    for file in files:
        every.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{ROOT} {every.hexdigest()}"


def read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and PYTHON.exists() else {}


def make_environment() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        require_debian_packages([f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"], "a virtual environment")
    say(f"making .venv with Python {sys.version.split()[0]}")
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(VENV)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"cannot make {VENV}: {error}")


def install(*arguments: str) -> None:
    pip("install", "--require-hashes", *arguments)


def pip(*arguments: str) -> None:
    # -I: neither PYTHONPATH nor a user's own packages take part in what gets installed.
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location")
    elsewhere = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    environ = {name: value for name, value in os.environ.items() if name not in elsewhere}
    run(PYTHON, "-I", "-m", "pip", *arguments, *quiet, environ={**environ, "PIP_ROOT_USER_ACTION": "ignore"})


# --- Debian's packages -----------------------------------------------------------------------------------------------


def require_peers() -> None:
    """Programs that the integration tests talk to; without them (and outside CI) the tests that need them skip."""
    lines = (DEPLOY / "debian-packages.txt").read_text("utf-8").splitlines()
    require_debian_packages([line for line in lines if line and not line.startswith("#")], "the integration tests")


def require_debian_packages(names: Sequence[str], purpose: str) -> None:
    missing = [name for name in names if not is_installed(name)]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing Debian packages for {purpose}: {' '.join(missing)}")
        # RUNLEVEL: where no systemd runs, Postfix must not start a mail server of its own only because it is installed.
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        run("apt-get", "update", "-qq", environ=environ)
        run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing, environ=environ)
    else:
        say(f"missing for {purpose}: {' '.join(missing)} (as root: apt-get install {' '.join(missing)})")


def is_installed(package: str) -> bool:
    if not shutil.which("dpkg-query"):
        return False
    query = ("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    return subprocess.run(query, capture_output=True, check=False).stdout == b"installed"


def require_mailauth() -> None:
    """Installs mailauth below .venv, pinned and hashed by its package-lock.json; no script of a package is run. Without
    it (and outside CI) the tests that need it skip.
    """
    files = [MAILAUTH_LOCK / "package.json", MAILAUTH_LOCK / "package-lock.json"]
    wanted, stamp = digest(files), MAILAUTH / "installed"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    if not shutil.which("npm"):  # not in debian-packages.txt: a Node from elsewhere brings its own, and they conflict
        require_debian_packages(["npm"], "a DKIM verifier")
    if not shutil.which("npm"):
        return
    say("installing mailauth into .venv (once)")
    shutil.rmtree(MAILAUTH, ignore_errors=True)
    MAILAUTH.mkdir()
    for file in files:
        shutil.copy(file, MAILAUTH)
    cache = MAILAUTH / "cache"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    command = ("npm", "ci", *quiet, f"--cache={cache}")
    failed = subprocess.run(command, cwd=MAILAUTH, stdin=subprocess.DEVNULL, check=False).returncode
    shutil.rmtree(cache, ignore_errors=True)
    if failed:
        say(f"mailauth could not be installed: {' '.join(command)}")
    else:
        stamp.write_text(wanted, "utf-8")


# --- what the commands do --------------------------------------------------------------------------------------------


def run_tests(pytest_arguments: Sequence[str]) -> int:
    """Every step runs, so that one run shows all there is to mend; the tests come last."""
    tools = VENV / "bin"
    # The tests start the relay hundreds of times: it is compiled once for them, whatever the shell says of that.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if pytest_arguments:
        return subprocess.run([tools / "pytest", *pytest_arguments], cwd=ROOT, env=environ, check=False).returncode
    processes = str(min(PROCESSES_A_CORE * (os.cpu_count() or 1), TEST_PROCESSES))
    # A test that hangs ends with a traceback of where, instead of holding everything up.
    no_endless_test = ("-o", f"faulthandler_timeout={TEST_SECONDS}", "-o", "faulthandler_exit_on_timeout=true")
    by_file = ("-n", processes, "--dist", "loadfile", "--no-loadscope-reorder")  # a file's tests share their peers
    steps: tuple[tuple[str | Path, ...], ...] = (
        (tools / "ruff", "check", "--quiet", "."),
        (tools / "ruff", "format", "--check", "--quiet", "."),
        (tools / "mypy",),
        (tools / "pytest", "--quiet", *by_file, *no_endless_test),
    )
    failed = []
    for step in steps:
        name = " ".join([Path(step[0]).name, *map(str, step[1:])])
        say(name)
        if subprocess.run(step, cwd=ROOT, env=environ, check=False, stdin=subprocess.DEVNULL).returncode:
            failed.append(name)
    for name in failed:
        print(f"bootstrap: failed: {name}", file=sys.stderr)
    return 1 if failed else 0


def run_module(module: str, arguments: Sequence[str]) -> int:
    """One of tests/, for which nothing is collected."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    return subprocess.run([PYTHON, "-m", module, *arguments], cwd=ROOT, env=environ, check=False).returncode


def lock() -> None:
    """Resolve anew, from the public index alone: this machine's own pip settings must not show in the files."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name == "PIP_CERT"}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "CUSTOM_COMPILE_COMMAND": "python3 deploy/bootstrap.py lock"}
    with tempfile.TemporaryDirectory() as folder:
        venv.EnvBuilder(symlinks=True, with_pip=True).create(folder)
        tools = Path(folder) / "bin"
        run(tools / "python", "-I", "-m", "pip", "install", "--quiet", "pip-tools>=7.5", environ=environ)
        compile_ = (
            *(tools / "pip-compile", "--quiet", "--upgrade", "--generate-hashes", "--allow-unsafe", "--strip-extras"),
            *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
        )
        source = "deploy/requirements-build.in"
        run(*compile_, "--output-file", f"deploy/{BUILD}", source, environ=environ)
        bound: tuple[str, ...] = ("--constraint", f"deploy/{BUILD}")
        target = f"deploy/{REQUIREMENTS['demo']}"
        run(*compile_, *bound, "--output-file", target, "pyproject.toml", environ=environ)
        bound = (*bound, "--constraint", target)
        target = f"deploy/{REQUIREMENTS['test']}"
        run(*compile_, *bound, "--extra", "test", "--output-file", target, "pyproject.toml", environ=environ)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
