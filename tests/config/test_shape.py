from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from relay.config.mistakes import Table
from relay.config.shape import keys_of, places_in, tables_at


class Leaf(Table):
    key: str = ""


class Tree(Table):
    word: Literal["a", "b"] = "a"
    leaf: Annotated[Leaf | None, "why"] = None
    many: tuple[Leaf, ...] = ()
    named: dict[str, Leaf | tuple[Leaf, ...]] = Field(default_factory=dict)


def test_keys_stand_in_the_order_of_the_model() -> None:
    assert list(keys_of(Tree)) == ["word", "leaf", "many", "named"]


def test_the_tables_at_a_place_are_found_through_lists_choices_and_names() -> None:
    assert tables_at(Tree, ()) == [Tree]
    assert tables_at(Tree, ("leaf",)) == [Leaf]
    assert tables_at(Tree, ("many", 3)) == [Leaf]
    assert tables_at(Tree, ("named", "brand.example")) == [Leaf]
    assert tables_at(Tree, ("named", "brand.example", 0)) == [Leaf]
    assert tables_at(Tree, ("word",)) == []
    assert tables_at(Tree, ("nothing",)) == []


def test_every_key_has_its_place() -> None:
    assert ("named", "key") in list(places_in(Tree))
    assert ("many",) in list(places_in(Tree))
