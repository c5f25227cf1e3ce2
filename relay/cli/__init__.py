"""The command `consent-relay`: finds the verb, imports only its module, turns expected problems into one line each.

Every verb group is one module with two functions: `add_arguments(parser)` and `run(arguments) -> int`.
Exit codes: 0 fine, 1 a problem was found, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from relay import __version__
from relay.config.toml import ProblemsError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: verb: (module under relay.cli, one line for the list of commands)
VERBS: Final = {
    "serve": ("serve", "run the relay"),
    "demo": ("demo", "try everything in a temporary folder, with sample consents and mail"),
    "init": ("init", "write a commented relay.toml and a first policy to start from"),
    "check": ("check", "report every problem of the configuration and the policies, change nothing"),
    "policy": ("policy", "test, explain and show policies"),
    "rewrite": ("rewrite", "what would be sent for a message, side by side if you like"),
    "consent": ("consent", "who agreed to what: import, show, record, withdraw, erase, forecast, verify"),
    "queue": ("queue", "mail that waits for the next hop: list, show, retry, drop"),
    "hold": ("hold", "mail that waits for its recipient's yes: list, show, release, drop"),
    "status": ("status", "how the relay stands; exit code 1 when somebody has to look"),
    "log": ("log", "follow and query decisions, report what did not go out"),
    "reason": ("reason", "what a reason means and what to do about it"),
    "keys": ("keys", "make keys and password hashes, print DNS records"),
    "db": ("db", "migrate, back up, restore and purge the store, show its status"),
}


#: These say themselves that they ran without a file, or need none.
_QUIET_WITHOUT_CONFIG: Final = ("check", "keys", "reason")


class CommandError(Exception):
    """What the user has to know and can mend; printed as one line. exit_code: 1 problem found, 2 wrong usage."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """`-c relay.toml`, accepted after any verb; every leaf parser calls this."""
    parser.add_argument("-c", "--config", metavar="FILE", help="relay.toml (default: the embedded defaults)")


def add_action(actions: _SubParsersAction[Any], name: str, words: str) -> argparse.ArgumentParser:
    """An action of a verb; `words` stand in the list of actions and in its own --help."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=words, description=words, allow_abbrev=False)
    return parser


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
        print(f"consent-relay: {_no_verb(verb)}", file=sys.stderr)
        return 2
    return _run(verb, rest)


def _no_verb(verb: str) -> str:
    if verb.startswith("-"):
        return f"options go after the command, as in: consent-relay check {verb} ..."
    near = difflib.get_close_matches(verb, VERBS, n=1)
    return f"{verb!r} is not a command; " + (f"did you mean {near[0]}?" if near else "consent-relay --help lists them")


def _run(verb: str, rest: list[str]) -> int:
    module = import_module(f"relay.cli.{VERBS[verb][0]}")
    parser = argparse.ArgumentParser(prog=f"consent-relay {verb}", description=VERBS[verb][1], allow_abbrev=False)
    module.add_arguments(parser)
    try:
        arguments = parser.parse_args(rest)
        _tell_of_unused_config(verb, arguments)
        code = int(module.run(arguments))
    except ProblemsError as error:
        print("\n".join(str(problem) for problem in error.problems), file=sys.stderr)
        code = 1
    except CommandError as error:
        print(f"consent-relay {verb}: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:  # `| head` is no problem of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:  # what no command has foreseen, such as the rights of somebody else's folder
        where = f"{error.filename}: " if error.filename else ""
        hint = "; run this as the relay's own user" if isinstance(error, PermissionError) else ""
        print(f"consent-relay {verb}: {where}{error.strerror or error}{hint}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    return code


def _tell_of_unused_config(verb: str, arguments: argparse.Namespace) -> None:
    """Who forgets -c beside a relay.toml would look into another store without noticing."""
    # db restore --into takes the backup's own.
    brings_its_own = getattr(arguments, "into", None) is not None
    forgotten = verb not in _QUIET_WITHOUT_CONFIG and not brings_its_own and getattr(arguments, "config", "") is None
    if forgotten and Path("relay.toml").is_file():
        print(f"consent-relay {verb}: relay.toml of this folder is not used; add -c relay.toml", file=sys.stderr)
