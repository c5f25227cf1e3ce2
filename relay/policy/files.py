"""Reads the folder of policies: every problem of every file at once, or all streams, ready to use.

The only module of this package that touches files. Profiles come from the folder's own `profiles/`, the others from
those that are shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from relay.config.load import shipped_policies
from relay.config.toml import Document, Problem, ProblemsError, read_document, validate
from relay.policy.build import build_policies, build_stream
from relay.policy.checks import check_document, check_together
from relay.policy.footers import MAX_TEMPLATE, Template, Templates, check_footers, named_templates, template_from
from relay.policy.format import PolicyFile
from relay.policy.model import Policies, Stream
from relay.policy.profiles import Profile, profile_from

PROFILES_FOLDER = "profiles"


def load_policies(folder: Path, now: datetime | None = None) -> Policies:
    """All streams of the folder's *.toml. Raises ProblemsError with all problems of all files. now: aware; the clock's
    where none is given.

    An empty folder is no problem here: nothing is claimed by a policy then.
    """
    return load_files(_files(folder), load_profiles(folder / PROFILES_FOLDER), now)


def load_files(paths: list[Path], profiles: Mapping[str, Profile], now: datetime | None = None) -> Policies:
    """The same for files named one by one."""
    now = now or datetime.now(UTC)
    problems: list[Problem] = []
    documents: list[Document] = []
    streams: list[Stream] = []
    for path in paths:
        try:
            document = read_document(path)
        except ProblemsError as error:
            problems += error.problems
            continue
        documents.append(document)
        templates, own = _templates(document)
        own += check_document(document, profiles, now)
        own += check_footers(document, templates)
        try:
            parsed = validate(PolicyFile, document)
        except ProblemsError as error:
            own += error.problems
        problems += own
        if not own:
            streams.append(build_stream(parsed, document, profiles, templates))
    problems += check_together(documents)
    if problems:
        raise ProblemsError(problems)
    return build_policies(streams)


def load_profiles(folder: Path) -> dict[str, Profile]:
    """By id. A file of the folder stands in for the shipped one of the same name. Raises ProblemsError."""
    paths = {path.stem: path for path in _files(shipped_policies() / PROFILES_FOLDER)}
    if folder.is_dir():
        paths |= {path.stem: path for path in _files(folder)}
    problems: list[Problem] = []
    profiles: dict[str, Profile] = {}
    for path in paths.values():
        try:
            profile = profile_from(read_document(path))
        except ProblemsError as error:
            problems += error.problems
            continue
        if profile.id != path.stem:
            wrong = f'is "{profile.id}", but the file is called {path.name}'
            problems.append(Problem(str(path), 0, "profile.id", wrong, f'write id = "{path.stem}"'))
        profiles[profile.id] = profile
    if problems:
        raise ProblemsError(problems)
    return profiles


def _templates(document: Document) -> tuple[Templates, list[Problem]]:
    """The templates that can be read, and what is wrong with the others."""
    problems: list[Problem] = []
    templates: dict[tuple[str, str], Template] = {}
    for tag, key, name in named_templates(document):
        try:
            templates[tag, key] = _template(document, ("footer", tag, key), name)
        except ProblemsError as error:
            problems += error.problems
    return templates, problems


def _template(document: Document, here: tuple[str, ...], name: str) -> Template:
    folder = document.path.parent
    file = folder / name
    try:
        if not file.resolve(strict=True).is_relative_to(folder.resolve()):
            problem = document.problem(here, f"{file} leads out of {folder}", "put the file itself there")
        elif not file.is_file():
            problem = document.problem(here, f"{file} is not a file", "name a file with a template")
        else:
            with file.open("rb") as opened:
                return template_from(str(file), opened.read(MAX_TEMPLATE + 1))
    except FileNotFoundError:
        problem = document.problem(here, f"there is no file {file}", "write it, or take the line out")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        reason = (getattr(error, "strerror", "") or "too many links").lower()
        problem = document.problem(here, f"{file} cannot be read ({reason})", "check path and rights")
    raise ProblemsError([problem])


def _files(folder: Path) -> list[Path]:
    """*.toml in order of name; without the hidden ones that editors leave behind."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except FileNotFoundError:
        problem = Problem(str(folder), 0, "", "there is no such folder", "make it with consent-relay init")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problem = Problem(str(folder), 0, "", f"cannot be read ({reason})", "check path and rights")
    raise ProblemsError([problem])
