"""The relay that is ill-treated: its settings, its mailers, and the people it writes to. Timers are short, roles many."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from integration.serving import Relay, relay_in_folder

from relay.address import Address
from relay.store.keys import load_token_keys
from relay.tokens import Claims, Purpose, seal

NEWS_DOMAIN: Final = "news.brand.example"
SHOP_DOMAIN: Final = "shop.brand.example"
OWNER: Final = "owner@brand.example"

#: Mailers by the address they connect from.
MAILERS: Final = {"impatient": "127.0.0.2", "keeper": "127.0.0.3", "quiet": "127.0.0.4", "holder": "127.0.0.5"}

#: The relay gives up soon on a next hop that is silent; chaos.HEARD_WITHIN lies below `dot_timeout`. Or it is patient,
#: where the next hop is only ever late because the machine is.
_HOP: Final = """\
connect_timeout = "2s"
reply_timeout = "2s"
dot_timeout = "3s"
idle_timeout = "3s"
connections = 4
"""
_PATIENT: Final = "connections = 4\n"
_MORE: Final = """\
[[client]]
name = "impatient"
networks = ["127.0.0.2/32"]
[[client]]
name = "keeper"
networks = ["127.0.0.3/32"]
retries = true
[[client]]
name = "quiet"
networks = ["127.0.0.4/32"]
refusal = "accept-and-report"
owner = "owner@brand.example"
[[client]]
name = "holder"
networks = ["127.0.0.5/32"]
refusal = "hold"
[queue]
retry = ["1s", "1s", "2s"]
expire = "30m"
[hold]
release = 200
"""


@dataclass(slots=True)
class People:
    """readers: said yes. stale: said yes long ago, their mail is held. wavering: said yes, and change their minds."""

    readers: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    wavering: list[str] = field(default_factory=list)

    @property
    def consenting(self) -> frozenset[str]:
        return frozenset(self.readers + self.wavering)


def make_people(readers: int, stale: int, wavering: int) -> People:
    def named(kind: str, number: int) -> list[str]:
        return [f"{kind}{one}@{kind}.example" for one in range(number)]

    return People(named("reader", readers), named("stale", stale), named("wavering", wavering))


def write_list(file: Path, people: list[str], *, age: timedelta) -> None:
    at = (datetime.now(UTC) - age).isoformat()
    rows = [f"{one},newsletter,double-opt-in,{at},clicked,{at}" for one in people]
    file.write_text("\n".join(["address,stream,basis,at,act,confirmed_at", *rows, ""]), "utf-8")


@contextmanager
def staged(hop: int, people: People, *, processes: int = 1, patient: bool = False) -> Iterator[Relay]:
    """A relay that knows the people and does not run yet."""
    with relay_in_folder(
        hop, processes=processes, hop_settings=_PATIENT if patient else _HOP, more_config=_MORE
    ) as relay:
        known = relay.folder / "known.csv"
        write_list(known, people.readers + people.wavering, age=timedelta(hours=1))
        relay.command("consent", "import", str(known))
        write_list(known, people.stale, age=timedelta(days=500))
        relay.command("consent", "import", str(known))
        yield relay


def stop_page(relay: Relay, person: str, chance: random.Random) -> str:
    """The path that a mail of the newsletter to this person has in List-Unsubscribe, spelled as they like it."""
    local, _, domain = person.partition("@")
    spelled = chance.choice([local, local.upper(), f"{local}+news"])
    keys = load_token_keys(relay.folder / "var" / "keys" / "tokens")
    decision = "".join(chance.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(24))
    claims = Claims(Address(spelled, domain), "newsletter", f"01{decision}")
    return f"/u/{seal(keys, Purpose.UNSUBSCRIBE, claims)}"
