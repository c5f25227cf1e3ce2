"""pydantic's errors in the words of somebody who edits a TOML file. Nothing here reads files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from relay.config.lines import Location
from relay.config.shape import keys_of, places_in, tables_at


class Table(BaseModel):
    """Base of every model of a TOML table: no unknown keys, nothing changes afterwards.

    days: where a date without quotes may stand, for the model of a whole file; keys only, without numbers of lists.
    """

    days: ClassVar[frozenset[tuple[str, ...]]] = frozenset()
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Mistake(ValueError):  # noqa: N818 - a value for a validator to raise, not an outage
    """Raised by validators of a Table: words for the two halves of a Problem.

    at: keys below the place where the validator stands, for validators of a whole table.
    """

    def __init__(self, wrong: str, instead: str = "", *, at: Sequence[str | int] = ()) -> None:
        super().__init__(f"{wrong}, {instead}" if instead else wrong)
        self.wrong, self.instead, self.at = wrong, instead, tuple(at)


class Mistakes(ValueError):  # noqa: N818 - see Mistake
    """Several at once, from one validator."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)

    @classmethod
    def raise_any(cls, mistakes: Sequence[Mistake]) -> None:
        if mistakes:
            raise cls(mistakes)


@dataclass(frozen=True, slots=True)
class Found:
    """A mistake and where it stands in the data."""

    location: Location
    wrong: str
    instead: str


def in_words(model: type[BaseModel], data: Mapping[str, Any], errors: Sequence[ErrorDetails]) -> list[Found]:
    """One Found for each mistake, though pydantic reports each branch of a union."""
    grouped: dict[Location, list[ErrorDetails]] = {}
    for error in errors:
        grouped.setdefault(_location_in(data, error), []).append(error)
    found: list[Found] = []
    excused: set[Location] = set()
    for location, group in grouped.items():
        if group[0]["type"] == "extra_forbidden":
            said, meant = _unknown_key(model, data, location)
            found.append(said)
            if meant:
                excused.add((*location[:-1], meant))
    for location, group in grouped.items():
        deeper = any(len(other) > len(location) and other[: len(location)] == location for other in grouped)
        # what is wrong inside decides which branch was meant, and a list of broken items is not an empty one
        silenced = ("extra_forbidden", "too_short", *_KIND) if deeper else ("extra_forbidden",)
        own = [error for error in group if error["type"] not in silenced]
        if own and not (own[0]["type"] == "missing" and location in excused):
            table = _table_instead(model, location, own[0])
            found += [table] if table else _say(model, location, own)
    return found


def _table_instead(model: type[BaseModel], location: Location, error: ErrorDetails) -> Found | None:
    """What is missing, or stands as one table, where the file has a [table] or several [[tables]]."""
    if any(isinstance(part, int) for part in location):
        return None
    name = _name(location)
    if error["type"] == "missing" and tables_at(model, location):
        return Found(location, "is missing", f"write it as [{name}] with its keys below")
    several = ("tuple_type", "list_type")
    if error["type"] in several and isinstance(error["input"], dict) and tables_at(model, (*location, 0)):
        return Found(location, "must be a list of tables, not one table", f"write it as [[{name}]]")
    return None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The nearest of the known words, "" when none is near."""
    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    near = get_close_matches(word.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def one_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def shown(value: object) -> str:
    """A value as it would stand in the file, cut to a readable length."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


#: pydantic's error type: what the value must be, and an example of it
_KIND: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("text in quotes", '"..."'),
    "int_type": ("a whole number", "10"),
    "int_from_float": ("a whole number", "10"),
    "float_type": ("a number", "1.5"),
    "bool_type": ("true or false, without quotes", "true"),
    "list_type": ("a list", '["..."]'),
    "tuple_type": ("a list", '["..."]'),
    "set_type": ("a list", '["..."]'),
    "frozen_set_type": ("a list", '["..."]'),
    "dict_type": ("a table", '{ key = "..." }'),
    "mapping_type": ("a table", '{ key = "..." }'),
    "model_type": ("a table", ""),
    "model_attributes_type": ("a table", ""),
}
_BOUND: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "{} or less"),
    "string_too_short": ("min_length", "at least {} characters long"),
    "string_too_long": ("max_length", "at most {} characters long"),
    "too_long": ("max_length", "a list of at most {}"),
}


def _say(model: type[BaseModel], location: Location, group: Sequence[ErrorDetails]) -> Iterator[Found]:
    own_words = [error["ctx"]["error"] for error in group if isinstance(error.get("ctx", {}).get("error"), ValueError)]
    if own_words:
        for words in own_words:
            for mistake in words.mistakes if isinstance(words, Mistakes) else (words,):
                if isinstance(mistake, Mistake):
                    yield Found((*location, *mistake.at), mistake.wrong, mistake.instead)
                else:
                    yield Found(location, str(mistake), "")
        return
    kinds = list(dict.fromkeys(_KIND[error["type"]] for error in group if error["type"] in _KIND))
    if kinds:
        if location[-1:] == ("password",):  # problems end in logs, what was written there must not
            yield Found(location, f"must be {kinds[0][0]}", f"write password = {kinds[0][1]}")
            return
        yield Found(location, *_wrong_kind(location, group[0]["input"], kinds))
        return
    if group[0]["type"] == "missing":
        yield Found(location, "is missing", f"write {_name(location[-1:])} = {_example(model, location)}")
        return
    yield Found(location, *_wrong_value(group[0]))


def _wrong_kind(location: Location, value: object, kinds: Sequence[tuple[str, str]]) -> tuple[str, str]:
    must, example = kinds[0]
    wrong = f"must be {one_of([kind for kind, _ in kinds])}, not {_kind_of(value)}"
    if must == "a list" and not isinstance(value, dict):
        example = f"[{shown(value)}]"
    elif must == "text in quotes" and isinstance(value, (int, float)):
        example = f'"{shown(value)}"'
    elif must == "a whole number" and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        example = value.strip()
    elif must.startswith("true") and isinstance(value, (str, int)):
        example = "false" if str(value).casefold() in ("false", "no", "off", "0", "") else "true"
    if must == "a table":
        name = _name(location)
        is_item = bool(location) and isinstance(location[-1], int)
        return wrong, f"write it as [[{name}]]" if is_item else f"write it as [{name}] with its keys below"
    return wrong, f"write {_name(location[-1:])} = {example}" if location and isinstance(location[-1], str) else (
        f"write {example}"
    )


def _example(model: type[BaseModel], location: Location) -> str:
    """What a missing key may look like: the first example of its field."""
    *above, key = location
    for table in tables_at(model, above):
        for name, info in table.model_fields.items():
            if key == (info.alias or name) and info.examples:
                return shown(info.examples[0])
    return "..."


def _wrong_value(error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("enum", "literal_error"):
        allowed = str(context["expected"]).replace("'", '"').replace(" or ", ", ").split(", ")
        meant = did_you_mean(str(error["input"]), [word.strip('"') for word in allowed])
        known = one_of(allowed)
        return f"{shown(error['input'])} is not known here", (
            f'did you mean "{meant}"? It can be {known}' if meant else f"write {known}"
        )
    if kind == "too_short":
        return "the list is empty", "write at least one item or leave the key out"
    if kind in _BOUND:
        name, words = _BOUND[kind]
        return f"{shown(error['input'])} cannot be", f"it must be {words.format(context[name])}"
    return error["msg"][:1].lower() + error["msg"][1:], ""


def _kind_of(value: object) -> str:
    kinds: Mapping[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    kinds = {**kinds, list: "a list", dict: "a table"}
    kind = kinds.get(type(value), "this")
    return f"{kind} ({shown(value)})" if isinstance(value, (str, int, float)) else kind


def _name(location: Location) -> str:
    return ".".join(part for part in location if isinstance(part, str))


def _location_in(data: object, error: ErrorDetails) -> Location:
    """The location without the names of union branches and validators, which are not in the file."""
    here: list[str | int] = []
    value: Any = data
    parts = error["loc"]
    for number, part in enumerate(parts):
        in_table = isinstance(value, dict) and isinstance(part, str) and part in value
        if in_table or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            value = value[part]
        elif error["type"] == "missing" and number == len(parts) - 1:
            pass
        else:
            continue
        here.append(part)
    return tuple(here)


def _unknown_key(model: type[BaseModel], data: Mapping[str, Any], location: Location) -> tuple[Found, str]:
    *above, key = location
    name = str(key)
    siblings = [known for table in tables_at(model, above) for known in keys_of(table)]
    value: Any = data
    for part in above:
        value = value[part]
    meant = did_you_mean(name, [known for known in siblings if known not in value])
    if meant:
        return Found(location, "there is no such key", f"did you mean {meant}?"), meant
    elsewhere = [place for place in places_in(model) if place[-1] == name]
    if elsewhere:
        *table, _ = elsewhere[0]
        instead = f"it belongs below [{'.'.join(table)}]" if table else "it belongs at the head of the file"
        return Found(location, "there is no such key here", instead), ""
    near = did_you_mean(name, siblings)
    known = f"did you mean {near}?" if near else f"the keys here are {', '.join(siblings)}" if siblings else ""
    return Found(location, "there is no such key", known), ""
