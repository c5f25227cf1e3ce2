"""Who was asked for a new yes, in which wave, and what became of it. Runs inside the caller's transaction, or reads.

Whether somebody may be asked is said elsewhere; here nobody is asked twice within the time that has to lie between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.ledger import microseconds, moment_of
from relay.decision import Result
from relay.policy.waves import JUDGED_ON, MOST_JUDGED, Tally, Wave, first_wave, resumed
from relay.store.queries import query
from relay.store.rows import address_of, loaded, stored


class Became(StrEnum):
    """What a mail that asked came to. DROPPED: not sent, because the answer was known before, or by an operator."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


_BECAME = {Result.DELIVERED: Became.DELIVERED, None: Became.DROPPED, Result.WITHHELD: Became.DROPPED}


@dataclass(frozen=True, slots=True)
class Ask:
    """One mail that asks somebody for a new yes to a stream. message: id of its transaction. source: why, as the
    ledger has it. give_up_at: when their held mail of the stream is given up without an answer.
    """

    brand: str
    stream: str
    address: Address
    message: str
    source: str
    at: datetime
    wave: int
    give_up_at: datetime


@dataclass(frozen=True, slots=True)
class EndedAsk:
    """A mail that asked and waits no more. at: when it was queued; ended_at: None where it never was tried."""

    number: int
    brand: str
    stream: str
    address: Address
    source: str
    at: datetime
    became: Became
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asking:
    """How a brand stands. waiting: people with held mail who were not asked yet, for whatever reason; asked: people with
    held mail who were, and have not answered.
    """

    wave: Wave
    tally: Tally
    waiting: int
    asked: int


def was_asked(connection: sqlite3.Connection, brand: str, wide: str, since: datetime) -> bool:
    return connection.execute(query("asked_since"), (wide, brand, microseconds(since))).fetchone() is not None


def put_ask(connection: sqlite3.Connection, ask: Ask) -> None:
    """Note that somebody is asked, and let their held mail wait for the answer. The mail itself is the caller's."""
    at, wide, address = microseconds(ask.at), ask.address.wide, str(ask.address)
    give_up_at = microseconds(ask.give_up_at)
    values = (ask.brand, wide, address, ask.stream, ask.message, ask.source, at, ask.wave, give_up_at)
    connection.execute(query("insert_ask"), values)
    connection.execute(query("ask_held"), (at, give_up_at, wide, address, ask.stream))


def unasked(
    connection: sqlite3.Connection, brand: str, after: int, since: datetime, most: int
) -> list[tuple[int, Address, str]]:
    """Held copies after a number, in order, whose person was not asked for the brand since: number, address, stream."""
    rows = connection.execute(query("unasked"), (brand, after, microseconds(since), most))
    return [(number, address_of(address), stream) for number, address, stream in rows]


@dataclass(frozen=True, slots=True)
class EndingYeses:
    """Whose yes to a stream may end soon, as far as a query can tell. said_until: the newest yes is no newer.
    mailed_since: mail of the stream reached them then, or later.
    """

    stream: str
    said_until: datetime
    mailed_since: datetime

    def page(self, connection: sqlite3.Connection, after: str, most: int) -> list[Address]:
        """In order of addresses, after this one."""
        values = (self.stream, after, microseconds(self.said_until), microseconds(self.mailed_since), most)
        return [address_of(address) for (address,) in connection.execute(query("ending_yeses"), values)]


def wave_of(connection: sqlite3.Connection, brand: str, rules: AskingSettings) -> Wave:
    """The first one where nobody of the brand was asked yet."""
    return next(_waves(connection, brand), first_wave(brand, rules))


def put_wave(connection: sqlite3.Connection, wave: Wave) -> None:
    values = (wave.brand, wave.number, wave.size, wave.since, stored(wave.stopped_at), wave.why)
    connection.execute(query("put_wave"), values)


def tally_of(connection: sqlite3.Connection, wave: Wave) -> Tally:
    ((asked, under_way, last_at),) = connection.execute(query("wave_tally"), (wave.brand, wave.number)).fetchall()
    window = min(max(JUDGED_ON, asked), MOST_JUDGED)
    ((judged, bounced, complained),) = connection.execute(
        query("judged_asks"), (wave.brand, wave.since, window)
    ).fetchall()
    return Tally(asked, under_way, loaded(last_at), judged, bounced, complained)


def ended_asks(connection: sqlite3.Connection, most: int) -> list[EndedAsk]:
    """Those of which is not written down yet what became of them."""
    return [
        EndedAsk(
            number=number,
            brand=brand,
            stream=stream,
            address=address_of(address),
            source=source,
            at=moment_of(at),
            became=_BECAME.get(None if result is None else Result(result), Became.FAILED),
            ended_at=loaded(ended_at),
        )
        for number, brand, address, stream, source, at, result, ended_at in connection.execute(
            query("asks_ended"), (most,)
        )
    ]


def settle_ask(connection: sqlite3.Connection, ended: EndedAsk, now: datetime) -> bool:
    """False when somebody else has written it down."""
    values = (ended.became.value, microseconds(now), ended.number)
    return bool(connection.execute(query("settle_ask"), values).rowcount)


def forget_old_asks(connection: sqlite3.Connection, before: datetime, most: int) -> int:
    """What was asked long ago stands in the ledger."""
    return connection.execute(query("old_asks"), (microseconds(before), most)).rowcount


def any_old_ask(connection: sqlite3.Connection, before: datetime) -> bool:
    return connection.execute(query("any_old_ask"), (microseconds(before),)).fetchone() is not None


def resume(connection: sqlite3.Connection, brand: str, rules: AskingSettings) -> bool:
    """Go on asking, from a small wave; False when the brand's asking is not stopped."""
    wave = wave_of(connection, brand, rules)
    if wave.stopped_at is None:
        return False
    ((newest,),) = connection.execute(query("newest_ask"), (brand,)).fetchall()
    put_wave(connection, resumed(wave, newest, rules))
    return True


def read_asking(connection: sqlite3.Connection, rules: AskingSettings) -> list[Asking]:
    """Every brand that has asked somebody, or has mail that waits for a question, in order."""
    waiting = {row[0]: row[1:] for row in connection.execute(query("waiting_to_be_asked"))}
    waves = {wave.brand: wave for wave in _waves(connection, None)}
    found = []
    for brand in sorted({*waves, *waiting}):
        wave = waves.get(brand) or first_wave(brand, rules)
        found.append(Asking(wave, tally_of(connection, wave), *waiting.get(brand, (0, 0))))
    return found


def _waves(connection: sqlite3.Connection, brand: str | None) -> Iterator[Wave]:
    for name, number, size, since, stopped_at, why in connection.execute(query("waves"), (brand,)).fetchall():
        yield Wave(name, number, size, since, loaded(stopped_at), why)
