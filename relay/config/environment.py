"""Environment variables over the file: RELAY_WEB__PUBLIC_URL is public_url of [web]. Values only, nothing is read.

Text stands as it is; numbers, true, false and lists are JSON. RELAY_NEXT_HOP__0__PASSWORD is the password of the
first [[next_hop]] in the file, so that secrets need not stand there.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from relay.config.lines import Location
from relay.config.mistakes import did_you_mean
from relay.config.model import RelayFile
from relay.config.problems import Problem
from relay.config.toml import Document

PREFIX: Final = "RELAY_"
#: What Docker links and Kubernetes set for a service that is called "relay".
_NOT_OURS: Final = re.compile(r"RELAY_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP).*)?|NAME|ENV_.*)")

Schema = Mapping[str, Any]


def overlay(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    """The document with the variables' values in place; problems for those that are no settings."""
    ours = sorted(name for name in environ if name.startswith(PREFIX) and not _NOT_OURS.fullmatch(name))
    if not ours:
        return document, []
    data: dict[str, Any] = copy.deepcopy(document.data)
    origins: dict[Location, str] = dict(document.origins)
    problems: list[Problem] = []
    schema = RelayFile.model_json_schema()
    for name in ours:
        try:
            location, kinds = _place(name, schema, data)
            _put(data, location, _value(environ[name], kinds))
            origins[location] = name
        except _UnfitError as unfit:
            problems.append(Problem("environment", 0, name, *unfit.args))
    return replace(document, data=data, origins=origins), problems


def variable(location: Sequence[str | int]) -> str:
    return PREFIX + "__".join(str(part) for part in location).upper()


class _UnfitError(Exception):
    """wrong, instead"""


def _place(name: str, schema: Schema, data: Mapping[str, Any]) -> tuple[Location, frozenset[str]]:
    here: list[str | int] = []
    kinds: list[Schema] = [schema]
    value: Any = data
    for part in name.removeprefix(PREFIX).lower().split("__"):
        inner: list[Schema] = []
        known = [key for kind in kinds for key in kind.get("properties", {})]
        if part in known:
            here.append(part)
            inner = [kind["properties"][part] for kind in kinds if part in kind.get("properties", {})]
            value = value.get(part, {}) if isinstance(value, dict) else {}
        elif part.isdecimal() and any("items" in kind for kind in kinds):
            count = len(value) if isinstance(value, list) else 0
            if int(part) >= count:
                raise _UnfitError(f"the file has {count} of these", "set the whole list as JSON, or add it to the file")
            here.append(int(part))
            inner = [kind["items"] for kind in kinds if "items" in kind]
            value = value[int(part)]
        else:
            raise _UnfitError("there is no such setting", _nearest(name, schema))
        kinds = [one for kind in inner for one in _alternatives(kind, schema)]
    return tuple(here), frozenset(str(kind.get("type", "string")) for kind in kinds)


def _nearest(name: str, schema: Schema) -> str:
    """The setting that may have been meant, compared without the underscores that people forget."""
    known = {one.removeprefix(PREFIX).replace("_", " "): one for one in _names(schema, schema, ())}
    meant = did_you_mean(" ".join(name.removeprefix(PREFIX).replace("_", " ").split()), list(known))
    return (
        f"did you mean {known[meant]}?" if meant else "two underscores stand between table and key: RELAY_WEB__ADDRESS"
    )


def _names(kind: Schema, root: Schema, above: Location) -> Iterator[str]:
    for key, inner in kind.get("properties", {}).items():
        yield variable((*above, key))
        for one in _alternatives(inner, root):
            if "properties" in one:
                yield from _names(one, root, (*above, key))


def _alternatives(kind: Schema, root: Schema) -> list[Schema]:
    if "$ref" in kind:
        return _alternatives(root["$defs"][kind["$ref"].rpartition("/")[2]], root)
    if "anyOf" in kind:
        return [one for branch in kind["anyOf"] for one in _alternatives(branch, root)]
    return [kind]


def _value(text: str, kinds: frozenset[str]) -> Any:
    if "string" in kinds:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if "array" in kinds:
            raise _UnfitError("a list is written as JSON", """write e.g. '["one", "two"]'""") from None
        if "object" in kinds:
            raise _UnfitError("a whole table is written as JSON", "or set its keys one by one") from None
        raise _UnfitError(f"must be {_WORDS.get(next(iter(kinds)), 'JSON')}", "write it without quotes") from None


_WORDS: Final = {"integer": "a whole number", "boolean": "true or false", "number": "a number"}


def _put(data: dict[str, Any], location: Location, value: Any) -> None:
    *above, last = location
    here: Any = data
    for part in above:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(str(part), {})
        if not isinstance(here, (dict, list)):
            raise _UnfitError("the file has something else than a table there", "mend the file first")
    here[last] = value
