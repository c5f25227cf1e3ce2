"""A shop that holds something of a person, for tests of what that person is told."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from cli.shop import Shop
from store.samples import contact, decision, outcome
from store.waiting import NOW, copy_to, message_to

from relay.address import Address, address_from_text
from relay.decision import Result
from relay.queued import Fate, ReportLine, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.committing import Work
from relay.store.queries import query
from relay.store.queue import Caps, take_step
from relay.store.rows import decision_row, outcome_row, watermark_row

ANN: Final = "ann@example.com"
TAGGED: Final = "Ann+news@example.com"
WORDS: Final = "Send me product news. I can stop it at any time."
GRANT: Final = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "2026-03-01T09:00:00Z")


def mailed(shop: Shop, person: Address, **more: Any) -> None:
    one = decision(person, **more)
    told = [
        contact(one, person),
        outcome(one, result=Result.DEFERRED, reply=Reply(450, "4.2.1", f"<{person}> is full")),
    ]

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(query("insert_decision"), decision_row(one))
        connection.executemany(query("insert_outcome"), [outcome_row(each) for each in told])
        connection.execute(query("move_watermark"), watermark_row(told[0]))
        connection.execute(query("put_failure"), (str(person), 1_700_000_000_000_000, "5.1.1"))

    with shop.store() as committer:
        committer.commit([Work(work)])


def hold_something_of_ann(shop: Shop) -> None:
    """A yes, a no in another spelling, mail to and from her; and as much of Joann, who is somebody else."""
    given = ("--source", "fair in Osaka", "--form-url", "https://brand.example/join", "--language", "ja")
    traces = ("--ip", "192.0.2.7", "--user-agent", "Browser/7", "--wording", WORDS)
    shop.run("consent", "grant", ANN, *GRANT, *given, *traces)
    shop.run("consent", "withdraw", TAGGED, "--stream", "newsletter", "--source", "telephone")
    shop.run("consent", "grant", "joann@example.com", *GRANT, "--source", "secret of Joann", "--wording", WORDS)
    for person in ("ann@example.com", "Ann+only-in-decisions@example.com", "joann@example.com"):
        mailed(shop, address_from_text(person))
    mailed(shop, address_from_text("joann@example.com"), sender="ANN@example.com")


def keep_mail_for_ann(shop: Shop) -> None:
    """A mail that waits for her, and one that was not sent to her; and as much for Joann."""
    line = ReportLine(
        NOW, "shop", "brand", "newsletter", "M1", "D1", "news@brand.example", TAGGED, Fate.EXPIRED, Reason.STALE
    )
    others = ReportLine(
        NOW, "shop", "brand", "newsletter", "M2", "D2", "", "joann@example.com", Fate.EXPIRED, Reason.STALE
    )
    mail = message_to(copy_to("ANN@example.com", State.HELD), copy_to("joann@example.com", State.HELD))
    with shop.store() as committer:
        step = Step(messages=(mail,), reports=(line, others))
        committer.commit([Work(lambda c: take_step(c, step, "me", Caps(), committer.pseudonyms))])
