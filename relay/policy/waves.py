"""How many people a brand asks at a time: waves that begin small, double while clean, and stop by themselves. Pure.

A list that nobody has written to for years is full of dead mailboxes and of people who have forgotten; asking all of it
at once would cost the sender its name. So the first wave shows what the rest is like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

#: Mails of which it is known what became of them, before anything is judged: the newest of the brand, over several waves
#: where those are smaller.
JUDGED_ON: Final = 50
#: One person alone stops nothing.
AT_LEAST: Final = 2
#: Of a large wave, the newest.
MOST_JUDGED: Final = 1000
#: The part of a wave of which has to be known what became of it before the next one begins.
_SETTLED: Final = 0.9


class WaveRules(Protocol):
    """[asking] of relay.toml."""

    @property
    def wave(self) -> int: ...
    @property
    def rate(self) -> int: ...
    @property
    def pause(self) -> timedelta: ...
    @property
    def bounces(self) -> float: ...
    @property
    def complaints(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Wave:
    """Where a brand is. size: people asked in this wave at most. since: asks with that number and below are judged no
    more, because an operator has looked. stopped_at: None while asking goes on; why: in words.
    """

    brand: str
    number: int
    size: int
    since: int = 0
    stopped_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the mails that asked. asked, under_way, last_at: in this wave: how many, of how many is not known yet
    what became of them, when the last was queued. judged, bounced, complained: of the newest, this wave and as many
    before it as `JUDGED_ON` takes: how many reached the next hop's word, and of them how many were refused or found
    dead since, and how many complained since.
    """

    asked: int = 0
    under_way: int = 0
    last_at: datetime | None = None
    judged: int = 0
    bounced: int = 0
    complained: int = 0


def first_wave(brand: str, rules: WaveRules) -> Wave:
    return Wave(brand, 1, min(rules.wave, rules.rate))


def room(wave: Wave, tally: Tally) -> int:
    """How many may be asked now."""
    return 0 if wave.stopped_at is not None else max(0, wave.size - tally.asked)


def why_stop(tally: Tally, rules: WaveRules) -> str:
    """In words, "" where nothing speaks against going on."""
    if tally.judged < JUDGED_ON:
        return ""
    for count, limit, what, key in (
        (tally.bounced, rules.bounces, "bounced", "bounces"),
        (tally.complained, rules.complaints, "complained", "complaints"),
    ):
        per_cent = 100 * count / tally.judged
        if count >= AT_LEAST and per_cent >= limit:
            return f"{count} of {tally.judged} {what} ({per_cent:.2f} %), [asking] {key} allows less than {limit:g}"
    return ""


def next_wave(wave: Wave, tally: Tally, rules: WaveRules, now: datetime) -> Wave | None:
    """Twice as large, once this one is used up, its pause is over, and it is known what became of nearly all of it."""
    if wave.stopped_at is not None or tally.last_at is None or tally.asked < wave.size:
        return None
    if now - tally.last_at < rules.pause or tally.asked - tally.under_way < _SETTLED * tally.asked:
        return None
    return replace(wave, number=wave.number + 1, size=min(2 * wave.size, rules.rate))


def stopped(wave: Wave, why: str, now: datetime) -> Wave:
    return replace(wave, stopped_at=now, why=why)


def resumed(wave: Wave, newest: int, rules: WaveRules) -> Wave:
    """From a small wave again. newest: number of the last mail that asked somebody of the brand."""
    return replace(first_wave(wave.brand, rules), number=wave.number + 1, since=newest)
