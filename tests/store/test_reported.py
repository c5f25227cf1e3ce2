from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from store.keeping import Keeping, keeping
from store.samples import NOW, PSEUDONYMS, ago, decision, outcome
from store.waiting import message_to

from relay.consent.ledger import microseconds
from relay.decision import Result
from relay.message.report import Kind
from relay.queued import Fate, ReportLine, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store import queue
from relay.store.committing import Work
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.reported import Reported, WantedLines, count_untold, kinds_of, lines, untold
from relay.store.rows import decision_row, outcome_row

INSERT = (
    "INSERT INTO reports (at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply, told_at,"
    " told_in) VALUES (?, ?, 'brand', ?, 'M', ?, 'news@brand.example', ?, ?, ?, '', ?, ?)"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path) as opened:
        yield opened


def write(store: Keeping, *rows: tuple[object, ...]) -> None:
    store.committer.commit([Work(lambda connection: connection.executemany(INSERT, rows) and None)])


def row(days: float = 1, **more: Any) -> tuple[object, ...]:
    fields: dict[str, Any] = {
        "at": microseconds(ago(days)),
        "client": "mautic",
        "stream": "newsletter",
        "decision": "D",
        "recipient": "ann@example.com",
        "fate": "discarded",
        "reason": "withdrawn",
        "told_at": None,
        "told_in": "",
    }
    return tuple((fields | more).values())


TOLD = {"told_at": microseconds(NOW), "told_in": "MAIL"}


def test_lines_that_no_mail_tells_are_counted_by_client(store: Keeping) -> None:
    write(store, row(client="shop"), row(), row(client="told", **TOLD), row(0.1))
    assert list(count_untold(store.committer.connection).items()) == [("mautic", 2), ("shop", 1)]


def test_what_one_mail_tells_is_counted_whole_and_listed_from_its_end(store: Keeping) -> None:
    write(
        store, *(row(5 - number, decision=f"D{number}") for number in range(4)), row(3, fate="expired", reason="stale")
    )
    told = untold(store.committer.connection, "mautic", NOW, most=100, listed=2)
    assert told is not None
    assert len(told.numbers) == 5
    assert told.since == ago(5)
    assert set(told.kinds) == {
        Kind(Fate.DISCARDED, Reason.WITHDRAWN, "newsletter", 4),
        Kind(Fate.EXPIRED, Reason.STALE, "newsletter", 1),
    }
    assert [one.at for one in told.newest] == [ago(3), ago(2)]


def test_a_mail_tells_no_more_than_it_may_and_the_oldest_first(store: Keeping) -> None:
    write(store, row(1, decision="young"), row(3, decision="old"), row(2, decision="middle"))
    told = untold(store.committer.connection, "mautic", NOW, most=2, listed=9)
    assert told is not None
    assert [one.decision for one in told.newest] == ["old", "middle"]


def test_what_happened_at_one_moment_is_told_in_the_order_in_which_it_was_written(store: Keeping) -> None:
    write(store, *(row(1, decision=f"D{number}") for number in range(4)))
    told = untold(store.committer.connection, "mautic", NOW, most=3, listed=2)
    assert told is not None
    assert told.numbers == (1, 2, 3)
    assert [one.decision for one in told.newest] == ["D1", "D2"]
    write(store, row(9, decision="older"))
    assert [one.line.decision for one in lines(store.committer.connection, WantedLines(), 2)] == ["D2", "D3"]


def test_a_mail_tells_what_is_its_clients_from_before_its_moment_and_nothing_else(store: Keeping) -> None:
    write(store, row(3, client="shop"), row(2, **TOLD), row(2, decision="mine", stream="offers"), row(1))
    told = untold(store.committer.connection, "mautic", ago(1), most=9, listed=9)
    assert told is not None
    assert (told.numbers, told.since) == ((3,), ago(2))
    assert told.kinds == (Kind(Fate.DISCARDED, Reason.WITHDRAWN, "offers", 1),)
    assert [one.decision for one in told.newest] == ["mine"]


def test_a_line_comes_back_as_it_was_written_with_the_mail_that_tells_it(store: Keeping) -> None:
    expected = ReportLine(
        at=ago(2),
        client="shop",
        brand="brand",
        stream="offers",
        message="M",
        decision="D7",
        sender="news@brand.example",
        recipient="bob@example.com",
        fate=Fate.EXPIRED,
        reason=Reason.STALE,
        reply="451 4.7.1 busy",
    )
    fields = {"client": "shop", "stream": "offers", "decision": "D7", "recipient": "bob@example.com"}
    write(store, row(3), row(2, fate="expired", reason="stale", **fields, **TOLD))
    store.committer.commit([Work(lambda c: c.execute("UPDATE reports SET reply = '451 4.7.1 busy'") and None)])
    (found,) = lines(store.committer.connection, WantedLines(client="shop"), 9)
    assert found == Reported(2, expected, NOW, "MAIL", None)


def test_lines_are_found_by_the_message_that_they_are_of(store: Keeping) -> None:
    write(store, row(2), row(1))
    store.committer.commit([Work(lambda c: c.execute("UPDATE reports SET message = 'N' WHERE number = 2") and None)])
    assert [one.number for one in lines(store.committer.connection, WantedLines(message="N"), 9)] == [2]
    assert lines(store.committer.connection, WantedLines(message="other"), 9) == []


def test_kinds_come_with_the_most_lines_first_and_then_by_name(store: Keeping) -> None:
    write(
        store,
        row(stream="offers"),
        row(fate="expired", reason="stale"),
        row(reason="complained"),
        row(),
        *(row(stream="zzz") for _ in range(2)),
    )
    assert kinds_of(store.committer.connection, WantedLines()) == [
        Kind(Fate.DISCARDED, Reason.WITHDRAWN, "zzz", 2),
        Kind(Fate.DISCARDED, Reason.COMPLAINED, "newsletter", 1),
        Kind(Fate.DISCARDED, Reason.WITHDRAWN, "newsletter", 1),
        Kind(Fate.DISCARDED, Reason.WITHDRAWN, "offers", 1),
        Kind(Fate.EXPIRED, Reason.STALE, "newsletter", 1),
    ]


def test_a_mail_that_tells_lines_and_is_still_queued_is_waited_for(store: Keeping) -> None:
    waits, other = message_to("owner@example.com"), message_to("owner@example.com")
    step = Step(messages=(waits, other))
    store.committer.commit([Work(lambda c: queue.take_step(c, step, "me", queue.Caps(), PSEUDONYMS))])
    write(store, row(3), row(2, told_at=microseconds(NOW), told_in=waits.tx.id), row(1, **TOLD))
    assert [one.waits for one in lines(store.committer.connection, WantedLines(), 9)] == [False, True, False]


def test_nothing_is_left_to_tell_once_it_is_told(store: Keeping) -> None:
    write(store, row(**TOLD), row(0.1))
    assert untold(store.committer.connection, "mautic", ago(0.5), most=9, listed=9) is None


def test_lines_are_chosen_by_what_is_wanted(store: Keeping) -> None:
    write(
        store,
        row(4, decision="other client", client="shop"),
        row(3, decision="told", **TOLD),
        row(2, decision="expired", fate="expired"),
        row(1, decision="bob", recipient="bob@example.com", stream="offers"),
    )

    def found(**more: Any) -> list[str]:
        return [one.line.decision for one in lines(store.committer.connection, WantedLines(**more), 9)]

    assert found() == ["other client", "told", "expired", "bob"]
    assert found(client="mautic") == ["told", "expired", "bob"]
    assert found(told=True) == ["told"]
    assert found(told=False, client="mautic") == ["expired", "bob"]
    assert found(fate=Fate.EXPIRED) == ["expired"]
    assert found(recipient="bob@example.com") == found(stream="offers") == ["bob"]
    assert found(since=ago(3), until=ago(1)) == ["told", "expired"]
    assert [one.count for one in kinds_of(store.committer.connection, WantedLines(client="mautic"))] == [1, 1, 1]
    assert [one.line.decision for one in lines(store.committer.connection, WantedLines(), 1)] == ["bob"]


def test_a_line_says_what_became_of_the_mail_that_tells_it(store: Keeping) -> None:
    mail, other = decision(message="MAIL"), decision(message="OTHER")
    results = (Result.DEFERRED, Result.REFUSED)
    settled = [
        outcome(mail, at=NOW + timedelta(minutes=number), result=result, reply=Reply(550, "5.1.1", "gone"))
        for number, result in enumerate(results)
    ]
    write(store, row(3), row(2, **TOLD), row(1, told_at=microseconds(NOW), told_in="WAITS"))

    def work(connection: Any) -> None:
        connection.executemany(query("insert_decision"), [decision_row(mail), decision_row(other)])
        connection.executemany(query("insert_outcome"), [outcome_row(one) for one in [*settled, outcome(other)]])

    store.committer.commit([Work(work)])
    found = lines(store.committer.connection, WantedLines(), 9)
    assert [one.became for one in found] == [None, Result.REFUSED, None]
    assert [one.waits for one in found] == [False, False, False]
    assert [one.told_in for one in found] == ["", "MAIL", "WAITS"]


def test_what_the_store_cannot_answer_is_an_outage(store: Keeping) -> None:
    store.committer.commit([Work(lambda connection: connection.execute("DROP TABLE reports") and None)])
    with pytest.raises(StoreUnavailableError):
        count_untold(store.committer.connection)
