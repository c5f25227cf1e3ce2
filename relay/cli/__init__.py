"""The command `consent-relay`: finds the verb, imports only its module, turns expected problems into one line each.

Every verb group is one module with two functions: `add_arguments(parser)` and `run(arguments) -> int`.
Exit codes: 0 fine, 1 a problem was found, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Final

from relay import __version__
from relay.config.toml import ProblemsError

#: verb: (module under relay.cli, one line for the list of commands)
VERBS: Final = {
    "serve": ("serve", "run the relay"),
    "demo": ("demo", "try everything in a temporary folder, with sample consents and mail"),
    "init": ("init", "write a commented relay.toml and a first policy to start from"),
    "check": ("check", "report every problem of the configuration and the policies, change nothing"),
    "policy": ("policy", "test, explain and show policies"),
    "consent": ("consent", "import, export, show, grant and withdraw consents"),
    "log": ("log", "follow and query decisions"),
    "reason": ("reason", "what a reason means and what to do about it"),
    "keys": ("keys", "make keys and password hashes, print DNS records"),
    "db": ("db", "migrate the store, show its status"),
}


class CommandError(Exception):
    """What the user has to know and can mend; printed as one line. exit_code: 1 problem found, 2 wrong usage."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """`-c relay.toml`, accepted after any verb; every leaf parser calls this."""
    parser.add_argument("-c", "--config", metavar="FILE", help="relay.toml (default: the embedded defaults)")


def _usage() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {line}" for verb, (_, line) in VERBS.items()]
    return "\n".join(
        ["usage: consent-relay VERB ...", "", "Lets mail pass only to people who asked for it.", "", *lines, "",
         "consent-relay VERB --help tells more; --version prints the version."]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0 if arguments else 2
    verb, *rest = arguments
    if verb == "--version":
        print(f"consent-relay {__version__}")
        return 0
    if verb not in VERBS:
        print(f"consent-relay: {verb!r} is not a command; consent-relay --help lists them", file=sys.stderr)
        return 2
    return _run(verb, rest)


def _run(verb: str, rest: list[str]) -> int:
    module = import_module(f"relay.cli.{VERBS[verb][0]}")
    parser = argparse.ArgumentParser(prog=f"consent-relay {verb}", description=VERBS[verb][1], allow_abbrev=False)
    module.add_arguments(parser)
    try:
        code = int(module.run(parser.parse_args(rest)))
    except ProblemsError as error:
        print("\n".join(str(problem) for problem in error.problems), file=sys.stderr)
        code = 1
    except CommandError as error:
        print(f"consent-relay {verb}: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:  # `| head` is no problem of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = 130
    return code
