"""The keys whose values profiles may set: what each may be, what it is without any profile, and which of two values
is the stricter. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from relay.config.durations import write_duration
from relay.config.mistakes import Mistake, one_of, shown
from relay.consent.events import Basis
from relay.message.rules import Amp, Fallback
from relay.policy.values import NEVER, read_bases, read_length, read_period


@dataclass(frozen=True, slots=True)
class Figure:
    """read: from TOML, raises Mistake. default: without any profile. strictest: of two values. write: as in the file.
    advice: what to write instead of a value looser than this limit.
    """

    read: Callable[[object], Any]
    default: Any
    strictest: Callable[[Any, Any], Any]
    write: Callable[[Any], str]
    advice: Callable[[Any], str]

    def is_looser(self, value: Any, limit: Any) -> bool:
        return bool(self.strictest(value, limit) != value)


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Mistake(f"must be true or false, not {shown(value)}", "write true or false")
    return value


def _write_period(value: timedelta) -> str:
    return '"never"' if value is NEVER or value == NEVER else f'"{write_duration(value)}"'


def _write_bases(value: Iterable[Basis]) -> str:
    named = set(value)
    return "[" + ", ".join(f'"{basis}"' for basis in Basis if basis in named) + "]"


def _both(one: frozenset[Basis], other: frozenset[Basis]) -> frozenset[Basis]:
    return one & other


def _at_most(limit: timedelta) -> str:
    return f"write at most {_write_period(limit)}"


def _period(default: timedelta = NEVER) -> Figure:
    return Figure(read_period, default, min, _write_period, _at_most)


def _at_least(limit: timedelta) -> str:
    return f"write {_write_period(limit)} or longer"


def _ahead(default: timedelta = NEVER) -> Figure:
    """How long before: the sooner the stricter, and not at all is the loosest."""
    return Figure(read_period, default, lambda one, other: max(one, other, key=_how_soon), _write_period, _at_least)


def _how_soon(value: timedelta) -> timedelta:
    return timedelta() if value == NEVER else value


def _kept(default: timedelta) -> Figure:
    """How long something is kept at least: the longer the stricter, for ever is the strictest."""
    return Figure(read_period, default, max, _write_period, _at_least)


def _choice(default: StrEnum, *strictest_first: StrEnum) -> Figure:
    kind, words = type(default), [f'"{one}"' for one in type(default)]

    def read(value: object) -> StrEnum:
        if not isinstance(value, str) or value not in list(kind):
            raise Mistake(f"{shown(value)} is not known here", f"write {one_of(words)}")
        return kind(value)

    return Figure(
        read,
        default,
        lambda one, other: min(one, other, key=strictest_first.index),
        lambda value: f'"{value}"',
        lambda limit: "write " + one_of([f'"{one}"' for one in strictest_first[: strictest_first.index(limit) + 1]]),
    )


FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "consent.accept": Figure(
            lambda value: frozenset(read_bases(value)),
            # every basis that is a clear, active yes
            frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN}),
            _both,
            _write_bases,
            lambda limit: f"write none but {_write_bases(limit)}",
        ),
        "consent.confirmation_sent_within": _period(),
        "consent.confirm_within": _period(),
        "consent.first_mail_within": _period(),
        "consent.stale_after": _period(),
        "consent.renew_every": _period(),
        "consent.customer_within": _period(),
        "consent.inquiry_within": _period(),
        "consent.ask_before": _ahead(),
        "hold.for": Figure(read_length, timedelta(days=14), min, _write_period, _at_most),
        "hold.ask_again": Figure(
            _read_flag,
            True,
            lambda one, other: one and other,
            lambda value: str(value).lower(),
            lambda limit: f"write {str(limit).lower()}",
        ),
        # who has to show it needs it; what only describes a machine nobody needs for long
        "retention.evidence": _kept(timedelta(days=30)),
        "retention.technical": _period(),
        # the fewer leave without a footer, the stricter
        "message.undisclosable": _choice(Fallback.REJECT, Fallback.REJECT, Fallback.WRAP, Fallback.HEADERS_ONLY),
        "message.amp": _choice(Amp.KEEP, Amp.UNDISCLOSABLE, Amp.DROP, Amp.KEEP),
    }
)
