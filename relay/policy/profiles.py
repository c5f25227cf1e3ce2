"""Profiles: sets of figures, each with its source, that policies name in `profiles`. Pure: files are read elsewhere.

A `default` is used where a policy says nothing; a `limit` is law: a policy that is looser does not load. Of several
the strictest wins. `seed` always takes part, so that naming a law never loosens anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field, model_validator

from relay.config.mistakes import Mistake, Mistakes, did_you_mean, one_of, shown
from relay.config.toml import Document, Table, validate
from relay.policy.figures import FIGURES
from relay.policy.model import Origin
from relay.policy.values import Identifier, Text, Version

#: The profile whose figures are the defaults of every commercial stream.
SEED: Final = "seed"
#: Not "not given": TOML has no null, so None never stands in a file.
_ABSENT: Final = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One figure. default, limit: as `figures` reads them, None where the profile gives none. line: of its [[rule]]."""

    key: str
    default: Any
    limit: Any
    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Always:
    """What the source demands and the relay does whatever a policy says; for readers."""

    demand: str
    here: str
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    id: str
    title: str
    rules: tuple[Rule, ...]
    always: tuple[Always, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Values by key, complete, and where each comes from; looser: the keys whose value a limit forbids, with words
    for what is wrong and what to write instead.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    looser: tuple[tuple[str, str, str], ...]


class _HeadTable(Table):
    """[profile]"""

    id: Identifier = Field(description="Name of the profile; the file is called so, too")
    title: Text = Field(description="What it follows: a law, an article")


class _RuleTable(Table):
    """[[rule]]: one figure."""

    key: Text = Field(description="The key of a policy file, dotted")
    default: Any = Field(default=_ABSENT, description="The value where a policy says nothing")
    limit: Any = Field(default=_ABSENT, description="The loosest value that a policy may choose")
    source: Text = Field(description="Where the figure comes from")

    @model_validator(mode="after")
    def _values_fit_the_key(self) -> _RuleTable:
        if self.key not in FIGURES:
            near = did_you_mean(self.key, list(FIGURES))
            hint = f"did you mean {near}?" if near else f"write {one_of(list(FIGURES))}"
            raise Mistake(f"{shown(self.key)} is no key that a profile sets", hint, at=("key",))
        if self.default is _ABSENT and self.limit is _ABSENT:
            raise Mistake("gives no figure", "write default = ... or limit = ...")
        mistakes: list[Mistake] = []
        for name, value in (("default", self.default), ("limit", self.limit)):
            try:
                _read(self.key, value)
            except Mistake as mistake:
                mistakes.append(Mistake(mistake.wrong, mistake.instead, at=(name, *mistake.at)))
            except Mistakes as several:
                mistakes += [Mistake(one.wrong, one.instead, at=(name, *one.at)) for one in several.mistakes]
        Mistakes.raise_any(mistakes)
        return self


class _AlwaysTable(Table):
    """[[always]]: what needs no figure, because the relay does it in any case."""

    demand: Text = Field(description="What the source demands")
    here: Text = Field(description="What the relay does")
    source: Text = Field(description="The source")


class _ProfileFile(Table):
    version: Version = Field(description="Version of this format")
    profile: _HeadTable
    rule: tuple[_RuleTable, ...] = ()
    always: tuple[_AlwaysTable, ...] = ()


def profile_from(document: Document) -> Profile:
    """Raises ProblemsError."""
    parsed = validate(_ProfileFile, document)
    return Profile(
        id=parsed.profile.id,
        title=parsed.profile.title,
        rules=tuple(
            Rule(
                key=rule.key,
                default=_read(rule.key, rule.default),
                limit=_read(rule.key, rule.limit),
                source=rule.source,
                line=document.line_of(("rule", number)),
            )
            for number, rule in enumerate(parsed.rule)
        ),
        always=tuple(Always(one.demand, one.here, one.source) for one in parsed.always),
        file=str(document.path),
    )


def resolve(written: Mapping[str, Any], profiles: Sequence[Profile]) -> Resolved:
    """written: the values that the policy file itself gives, by key."""
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    looser: list[tuple[str, str, str]] = []
    for key, figure in FIGURES.items():
        ruling = rules_for(key, profiles)
        value = figure.default
        for profile, rule in ruling:
            for given in (rule.default, rule.limit):
                if given is not _ABSENT and figure.is_looser(value, given):
                    value = figure.strictest(value, given)
                    origins[key] = Origin(profile.file, rule.line, f"profile {profile.id}, {rule.source}")
        values[key] = value
        if key not in written:
            continue
        values[key] = written[key]
        for profile, rule in ruling:
            if rule.limit is not _ABSENT and figure.is_looser(written[key], rule.limit):
                wrong = f"is looser than the profile {profile.id} allows ({rule.source})"
                looser.append((key, wrong, figure.advice(rule.limit)))
    return Resolved(values, origins, tuple(looser))


def rules_for(key: str, profiles: Sequence[Profile]) -> list[tuple[Profile, Rule]]:
    return [(profile, rule) for profile in profiles for rule in profile.rules if rule.key == key]


def _read(key: str, value: object) -> Any:
    return _ABSENT if value is _ABSENT else FIGURES[key].read(value)
