from __future__ import annotations

import json
import resource
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType

from policy.test_acceptance import accepted
from test_decision import decision

from relay import log
from relay.decision import Outcome, Result
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.reply import Reply

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_decision_is_one_json_line_with_all_that_explains_it(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    log.write_decision(decision())
    (line,) = lines(tmp_path / "log")
    assert line["event"] == "decision"
    assert list(line)[:3] == ["at", "level", "event"]
    assert line["recipient"] == "person@example.org"
    names = "at id message client stream sender recipient verdict reason reasons smtp_code policy facts"
    assert set(names.split()) <= set(line)


def test_an_outcome_is_one_line_under_the_same_id(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    log.write_outcome(Outcome("01J", NOW, Result.DEFERRED, Reply(451, "4.3.0", "later"), "mx:25", 0.25))
    (line,) = lines(tmp_path / "log")
    assert (line["id"], line["reason"], line["seconds"]) == ("01J", "next-hop-deferred", 0.25)


def test_an_outcome_that_needs_another_try_stands_out(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    for result, code in ((Result.DELIVERED, 250), (Result.DEFERRED, 451), (Result.UNKNOWN, 451), (Result.REFUSED, 550)):
        reply = Reply(code, f"{code // 100}.0.0", "words")
        log.write_outcome(Outcome("01J", NOW, result, reply, "mx:25", 0.25))
    assert [line["level"] for line in lines(tmp_path / "log")] == ["info", "warning", "warning", "info"]


def test_addresses_are_hashed_with_a_key_where_configured(tmp_path: Path) -> None:
    for name, key in (("one", b"1"), ("again", b"1"), ("other", b"2")):
        log.configure(str(tmp_path / name), hash_key=key)
        log.write_decision(decision())
    one, again, other = ((tmp_path / name).read_text() for name in ("one", "again", "other"))
    assert "person@" not in one
    assert "news@" not in one
    assert json.loads(one)["recipient"] == json.loads(again)["recipient"] != json.loads(other)["recipient"]


def test_an_exception_stays_on_one_line(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        log.get_logger().exception("internal-error")
    (line,) = lines(tmp_path / "log")
    assert "Traceback" in str(line["exception"])


def test_what_cannot_be_encoded_does_not_lose_the_line(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    log.get_logger().info("odd", value="\udcff")
    assert len(lines(tmp_path / "log")) == 1


def test_a_log_that_takes_no_more_harms_nobody_and_tells_later_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log.configure(str(path))
    log.get_logger().info("before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))  # a full disk, for one process
        log.get_logger().info("begun")
        log.get_logger().info("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.get_logger().info("after")
    _, begun, told, after = path.read_bytes().splitlines()
    assert len(begun) == 10
    assert (json.loads(told)["event"], json.loads(told)["lines"]) == ("log-lines-lost", 2)
    assert json.loads(after)["event"] == "after"


def test_what_is_taken_over_is_one_line_a_recipient_without_their_address(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "relay.log"))
    found = accepted("passes", "held", "no", "refused")
    log.write_acceptance(found.step)
    lines = [json.loads(line) for line in (tmp_path / "relay.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["queued", "held", "failed", "discarded"]
    assert {line["message"] for line in lines} == {found.step.decisions[0].message}
    told = [line["id"] for line in lines]
    assert told == [found.step.decisions[place].id for place in (0, 1, 3, 2)]
    assert "example.org" not in (tmp_path / "relay.log").read_text()


def test_where_copies_go_that_waited_is_said_in_the_same_words_and_nothing_of_those_that_are_over(
    tmp_path: Path,
) -> None:
    log.configure(str(tmp_path / "relay.log"))
    waits = Move(1, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW, "01J")
    aside = Move(2, NOW, State.ASIDE, Reason.INTERNAL_ERROR)
    log.write_moves(Step(moves=(waits, aside, Move(3, NOW))), "01M")
    told = [(one["event"], one["message"], one["id"], one["due_at"]) for one in lines(tmp_path / "relay.log")]
    assert told == [("queued", "01M", "01J", "2026-05-04T03:02:01Z"), ("aside", "01M", "", None)]


def test_every_time_in_a_line_ends_as_that_of_the_line_itself_does(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))
    local = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=9)))
    log.get_logger().info(
        "odd",
        oldest=NOW.isoformat(),
        moment=NOW,
        local=local,
        facts={"yes": {"at": "2026-01-01T00:00:00.000001+00:00"}, "all": [NOW.isoformat()]},
        reply="come back at 2026-05-04T03:02:01+00:00",
        quoted='come back at "2026-05-04T03:02:01+00:00',
        shared=MappingProxyType({"at": (NOW,)}),
        sender="x+00:00",
        count=3,
    )
    (line,) = lines(tmp_path / "log")
    assert str(line["at"]).endswith("Z")
    assert (line["oldest"], line["moment"]) == ("2026-05-04T03:02:01Z", "2026-05-04T03:02:01Z")
    assert line["facts"] == {"yes": {"at": "2026-01-01T00:00:00.000001Z"}, "all": ["2026-05-04T03:02:01Z"]}
    assert line["local"] == "2026-05-04T12:00:00+09:00"
    assert line["quoted"] == 'come back at "2026-05-04T03:02:01+00:00'
    assert line["shared"] == {"at": ["2026-05-04T03:02:01Z"]}
    assert (line["reply"], line["sender"], line["count"]) == ("come back at 2026-05-04T03:02:01+00:00", "x+00:00", 3)
