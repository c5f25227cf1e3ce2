"""The settings in words: a table for the manual, a commented relay.toml to start from. Both come from `model`.

`python -m relay.config.reference FILE` renews the table between the markers in a manual.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from relay.config.endpoints import ClientTable, ListenerTable, NextHopTable
from relay.config.environment import variable
from relay.config.lines import dotted
from relay.config.mistakes import Table
from relay.config.model import DkimTable, RelayFile

BEGIN: Final = "<!-- settings: generated, see relay/config/reference.py -->"
END: Final = "<!-- end of settings -->"

#: Tables that may stand several times.
_REPEATED: Final[Mapping[str, type[Table]]] = {
    "listener": ListenerTable,
    "client": ClientTable,
    "next_hop": NextHopTable,
}
_HEAD: Final = """\
# Settings of consent-relay. Every key stands here; behind a # with its default, or an example where it has none.
# Paths that are not absolute start at this file's folder. An environment variable beats the file: RELAY_MODE,
# RELAY_WEB__PUBLIC_URL and so on. `consent-relay check -c relay.toml` reports every mistake with its line.
"""

#: Values to write instead of defaults: {"mode": "observe", "web": {"public_url": ...}, "client": [{...}]}
Chosen = Mapping[str, Any]


def tables() -> Iterator[tuple[str, str, type[Table]]]:
    """(name, header as in the file, model) of every table, in the order of the file; the head of the file first."""
    yield "", "", RelayFile
    for name, info in RelayFile.model_fields.items():
        if name in _REPEATED:
            yield name, f"[[{name}]]", _REPEATED[name]
        elif name == "dkim":
            yield name, '[dkim."brand.example"]', DkimTable
        elif isinstance(info.annotation, type) and issubclass(info.annotation, Table):
            yield name, f"[{name}]", info.annotation


def keys_of(model: type[Table]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys that hold values, with their documentation."""
    return ((name, info) for name, info in model.model_fields.items() if info.description)


def settings_reference() -> str:
    """Markdown: one section a table."""
    return "\n".join(line for name, header, model in tables() for line in _section(name, header, model))


def renewed(manual: str) -> str:
    """The manual with the table between the markers renewed. ValueError without markers."""
    before, begin, rest = manual.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the markers {BEGIN} and {END} are missing")
    return f"{before}{begin}\n\n{settings_reference()}\n{end}{after}"


def commented_file(chosen: Chosen) -> str:
    """relay.toml with every key: the chosen ones set, the others as comments that show the default."""
    parts = [_HEAD]
    for name, header, model in tables():
        if name == "dkim":
            parts += _dkim_part(model, chosen.get(name, {}))
        elif name in _REPEATED:
            parts += [_part(header, model, one, _ALWAYS[name]) for one in chosen.get(name, [_ABSENT.get(name, {})])]
        else:
            parts.append(_part(header, model, chosen.get(name, {}) if name else chosen, ()))
    return "\n".join(parts)


#: What has to be chosen in a table that may stand several times, shown even when it is the default.
_ALWAYS: Final = {"listener": ("address",), "client": ("name",), "next_hop": ("address",)}
#: What the program takes when the file has no such table, where that is more than the defaults of its keys.
_ABSENT: Final[Mapping[str, Chosen]] = {"client": {"name": "local", "networks": ["127.0.0.0/8"]}}


def _dkim_part(model: type[Table], picked: Mapping[str, Chosen]) -> list[str]:
    if picked:
        return [_part(f"[{dotted(('dkim', domain))}]", model, one, ()) for domain, one in picked.items()]
    return [_part('#[dkim."brand.example"]', model, {}, ())]


def _part(header: str, model: type[Table], chosen: Chosen, always: tuple[str, ...]) -> str:
    lines = [f"# {line}" for line in _wrapped(model.__doc__ or "")] + [header] if header else []
    for key, info in keys_of(model):
        lines += [f"# {line}" for line in _wrapped(f"{key}: {info.description}")]
        default = _default(model, key, info)
        value = chosen.get(key, default)
        lines.append(f"{'' if key in chosen or key in always else '#'}{key} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def _section(name: str, header: str, model: type[Table]) -> Iterator[str]:
    if header:
        yield from (f"### `{header}`", "", " ".join((model.__doc__ or "").split()), "")
    else:
        yield from ("### At the head of the file", "")
    yield from ("| key | default | environment | |", "|---|---|---|---|")
    for key, info in keys_of(model):
        default = "required" if info.is_required() else _shown_default(info, name, key)
        place = [name, "0", key] if name in _REPEATED else [name, key] if name else [key]
        environment = "" if name == "dkim" else f"`{variable(place)}`"
        yield f"| `{key}` | {default} | {environment} | {_cell(str(info.description))} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shown_default(info: FieldInfo, name: str, key: str) -> str:
    value = _defaults(name).get(key, info.default)
    return "" if value in (None, "", [], ()) else f"`{toml_value(value)}`"


def _defaults(name: str) -> Mapping[str, Any]:
    """What stands in a table that is not there, as it would be written."""
    written = RelayFile().model_dump(mode="json")
    if name == "client":
        return ClientTable.model_construct(name="").model_dump(mode="json")
    here = written[name] if name else written
    defaults: Mapping[str, Any] = here[0] if isinstance(here, list) else here
    return defaults


def _default(model: type[Table], key: str, info: FieldInfo) -> Any:
    """The default as it would be written; an example where there is none."""
    name = next(name for name, _, one in tables() if one is model)
    value = None if name == "dkim" else _defaults(name).get(key)
    return info.examples[0] if value in (None, "", []) and info.examples else value


def toml_value(value: Any) -> str:
    """Text, numbers, true and false and lists as TOML, which for these reads like JSON."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        file = Path(argument)
        file.write_text(renewed(file.read_text("utf-8")), "utf-8")
