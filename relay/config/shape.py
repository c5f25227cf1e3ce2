"""The shape of a model: which keys and tables may stand where. Knows pydantic's annotations, no data."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a table as they stand in a file, with the type of each."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def tables_at(model: type[BaseModel], location: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at a location; several where there is a choice, none where no table belongs."""
    kinds: list[Any] = [model]
    for part in location:
        kinds = [inner for kind in kinds for inner in _below(kind, part)]
    return [table for kind in kinds for table in _alternatives(kind) if isinstance(table, type) and _is_table(table)]


def _below(kind: Any, part: str | int) -> Iterator[Any]:
    for one in _alternatives(kind):
        arguments = get_args(one)
        if isinstance(one, type) and _is_table(one):
            if part in keys_of(one):
                yield keys_of(one)[str(part)]
        elif arguments and isinstance(part, int):
            yield arguments[0]
        elif len(arguments) == 2:
            yield arguments[1]


def _alternatives(kind: Any) -> Iterator[Any]:
    """The branches of a union, without what is only annotation."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for branch in get_args(kind):
            yield from _alternatives(branch)
    else:
        yield kind


def places_in(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key with the tables it stands in, lists and names of tables left out."""
    for key, kind in keys_of(model).items():
        here = (*above, key)
        yield here
        for inner in _inner_tables(kind):
            yield from places_in(inner, here)


def _inner_tables(kind: Any) -> Iterator[type[BaseModel]]:
    for one in _alternatives(kind):
        if isinstance(one, type) and _is_table(one):
            yield one
        elif get_origin(one) not in (Literal, Callable):
            for argument in get_args(one):
                yield from _inner_tables(argument)


def _is_table(kind: type) -> bool:
    return not get_args(kind) and issubclass(kind, BaseModel) and not issubclass(kind, Enum)
