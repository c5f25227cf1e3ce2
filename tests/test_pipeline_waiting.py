"""Mail that is taken over at DATA: queued, held, discarded, refused in part; and what then becomes of it."""

from __future__ import annotations

import email
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journey import MAIL, NEWSLETTER, NOW, PSEUDONYMS, RECEIPTS, Stage, on_stage, said

from relay.decision import Result
from relay.envelope import Client, Refusal
from relay.reason import Reason, Verdict
from relay.store.port import StoreUnavailableError
from relay.store.queue import Caps
from relay.store.reading import Wanted, open_reader
from relay.store.sqlite import SqliteStore


def test_mail_for_several_is_taken_over_in_one_step_before_it_is_accepted(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        names = [f"person{number}@example.org" for number in range(25)]
        for name in names:
            await on.yes(name)
        _, reply = await on.send(*names)
        assert said(reply).startswith("250 2.0.0 queued 25 (id ")
        assert on.states() == [(name, "queued", "confirmed") for name in names]
        (claimed,) = await on.store.claim(NOW + timedelta(seconds=1), 100)
        assert claimed.message.tx.id in said(reply)
        assert await on.store.content(claimed.message.number) == MAIL

    on_stage(tmp_path, story)


def test_each_of_several_recipients_gets_a_copy_of_their_own(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        names = [f"person{number}@example.org" for number in range(25)]
        for name in names:
            await on.yes(name)
        await on.send(*names)
        await on.deliver()
        assert on.waiting() == []
        links = {email.message_from_bytes(on.hop.copy_of(name))["List-Unsubscribe"] for name in names}
        assert len(links) == len(names)
        assert all(len(recipients) == 1 for _, recipients, _ in on.hop.got)

    on_stage(tmp_path, story)


def test_whoever_withdraws_after_the_250_gets_nothing_from_the_queue_and_the_sender_is_told(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        for name in ("hanako@example.org", "taro@example.org"):
            await on.yes(name)
        _, reply = await on.send("hanako@example.org", "taro@example.org")
        assert said(reply).startswith("250 2.0.0 queued 2 ")
        await on.no("Taro+x@example.org")
        await on.deliver()
        assert [recipients for _, recipients, _ in on.hop.got] == [("hanako@example.org",)]
        assert on.states() == [("taro@example.org", "failed", "withdrawn")]

    on_stage(tmp_path, story)


def test_held_mail_goes_out_after_a_yes_with_the_facts_of_then(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.send("olaf@example.org")
        await on.deliver()
        assert on.states() == [("olaf@example.org", "held", "stale")]
        await on.yes("olaf@example.org", days_ago=1)
        await on.deliver(timedelta(days=1))
        assert on.waiting() == []
        assert b"2026-05-03" in on.hop.copy_of("olaf@example.org") or b"May" in on.hop.copy_of("olaf@example.org")

    on_stage(tmp_path, story, known={"olaf@example.org": 500})


def test_deferred_mail_goes_out_once_its_time_has_come(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        on.hop.answers["hanako@example.org"] = "450 4.2.2 mailbox full"
        await on.send("hanako@example.org")
        await on.deliver(timedelta(minutes=4))
        assert (on.hop.got, len(on.waiting())) == ([], 1)
        on.hop.answers.clear()
        await on.deliver(timedelta(minutes=6))
        assert on.waiting() == []
        assert on.hop.copy_of("hanako@example.org")

    on_stage(tmp_path, story)


@pytest.mark.parametrize("answer", ["450 4.2.2 mailbox full", "421 4.3.2 going down"])
def test_what_the_next_hop_defers_is_queued_for_a_client_that_does_not_retry(tmp_path: Path, answer: str) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        on.hop.answers["hanako@example.org"] = answer
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("250 2.0.0 queued: next-hop-deferred: ")
        (one,) = on.waiting()
        assert (one["state"], one["reason"], one["attempts"]) == ("queued", "next-hop-deferred", 1)
        assert (one["code"] // 100, one["reply"]) == (4, answer[10:])
        assert one["next_hop"].startswith("127.0.0.1:")
        wait = one["due_at"] / 1e6 - NOW.timestamp()
        assert 4.5 * 60 <= wait <= 5.5 * 60 + 1
        assert one["decision"] in said(reply)
        with open_reader(on.path, PSEUDONYMS) as reader:
            assert [found.result for found in reader.outcomes_of([one["decision"]])] == [Result.DEFERRED]

    on_stage(tmp_path, story)


def test_a_client_that_retries_gets_the_next_hops_own_4xx_and_keeps_its_mail(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        on.hop.answers["hanako@example.org"] = "450 4.2.2 mailbox full"
        _, reply = await on.send("hanako@example.org", client=Client("mta", retries=True))
        assert said(reply).startswith("450 4.2.2 next-hop-deferred: mailbox full (id ")
        assert on.waiting() == []

    on_stage(tmp_path, story)


def test_nobody_waits_for_a_next_hop_that_is_known_to_be_away(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("250 2.0.0 queued: next-hop-deferred: the next hop is away at present (id ")
        assert on.hop.got == []
        (one,) = on.waiting()
        assert (one["state"], one["reason"], one["attempts"]) == ("queued", "next-hop-deferred", 0)
        await on.deliver()  # due at once: the queue finds out when it is back
        assert [to for _, to, _ in on.hop.got] == [("hanako@example.org",)]
        await on.store.flush()
        with open_reader(on.path, PSEUDONYMS) as reader:  # the decision that the client was told of stands
            (found,) = reader.decisions(Wanted(), 10)
            assert found.decision.id == one["decision"]
            assert f"(id {found.decision.id})" in said(reply)
            assert [one.result for one in reader.outcomes_of([found.decision.id])] == [Result.DELIVERED]

    on_stage(tmp_path, story, is_away=lambda _: True)


def test_only_mail_that_would_wait_here_makes_no_attempt_at_a_next_hop_that_is_away(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        for name in ("hanako@example.org", "hanako@elsewhere.example"):
            await on.yes(name)
        _, elsewhere = await on.send("hanako@elsewhere.example")
        _, retried = await on.send("hanako@example.org", client=Client("mta", retries=True))
        assert [said(one)[:9] for one in (elsewhere, retried)] == ["250 2.0.0", "250 2.0.0"]
        assert len(on.hop.got) == 2
        _, held = await on.send("olaf@example.org")
        assert said(held).startswith("250 2.0.0 held: stale")
        assert on.states() == [("olaf@example.org", "held", "stale")]

    on_stage(
        tmp_path,
        story,
        is_away=lambda address: address.domain == "example.org",
        known={"olaf@example.org": 500},
    )


def test_no_room_for_mail_whose_next_hop_is_away_is_said_before_the_250(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("452 4.3.1 limit: ")
        assert (on.waiting(), on.hop.got) == ([], [])

    on_stage(tmp_path, story, is_away=lambda _: True, caps=Caps(octets=10))


@pytest.mark.parametrize("caps", [Caps(octets=10), None])
def test_where_the_store_cannot_keep_deferred_mail_the_next_hops_own_4xx_passes_back(
    tmp_path: Path, caps: Caps | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise StoreUnavailableError("locked")

    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        if caps is None:
            monkeypatch.setattr(SqliteStore, "commit", refused)
        on.hop.answers["hanako@example.org"] = "450 4.2.2 mailbox full"
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("450 4.2.2 next-hop-deferred: mailbox full (id ")
        assert on.waiting() == []
        await on.store.flush()
        with open_reader(on.path, PSEUDONYMS) as reader:  # what became of it is known all the same
            (found,) = reader.decisions(Wanted(), 10)
            assert [one.result for one in reader.outcomes_of([found.decision.id])] == [Result.DEFERRED]

    on_stage(tmp_path, story, caps=caps or Caps())


def test_each_of_several_has_a_place_and_the_one_reply_counts_them(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        _, reply = await on.send("hanako@example.org", "olaf@example.org", "stranger@example.org")
        assert said(reply).startswith("250 2.0.0 queued 1, held 1, refused 1 (id ")
        assert on.states() == [
            ("hanako@example.org", "queued", "confirmed"),
            ("olaf@example.org", "held", "stale"),
            ("stranger@example.org", "failed", "no-consent"),
        ]
        failed = on.waiting()[2]
        assert (failed["code"], failed["reply"].startswith("no-consent: ")) == (550, True)
        with open_reader(on.path, PSEUDONYMS) as reader:
            assert len(reader.decisions(Wanted(), 10)) == 3

    receipts = RECEIPTS.replace("*@brand.example", "*@news.brand.example")
    on_stage(
        tmp_path, story, known={"olaf@example.org": 500}, policies={"newsletter": NEWSLETTER, "receipts": receipts}
    )


def test_mail_to_somebody_who_has_to_say_yes_anew_is_held_and_only_the_decision_at_data_is_kept(
    tmp_path: Path,
) -> None:
    async def story(on: Stage) -> None:
        replies, reply = await on.send("olaf@example.org")
        assert str(replies["olaf@example.org"]) == "250 2.1.5 recipient accepted"
        assert said(reply).startswith("250 2.0.0 held: stale: ")
        (one,) = on.waiting()
        assert (one["state"], one["reason"], one["attempts"]) == ("held", "stale", 0)
        assert one["decision"] in said(reply)
        assert on.hop.got == []
        with open_reader(on.path, PSEUDONYMS) as reader:
            (found,) = reader.decisions(Wanted(), 10)
        assert (found.decision.id, found.decision.verdict) == (one["decision"], Verdict.HOLD)

    on_stage(tmp_path, story, known={"olaf@example.org": 500})


def test_what_is_discarded_is_accepted_and_stands_in_the_report(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        replies, reply = await on.send("stranger@example.org")
        assert replies["stranger@example.org"].is_success
        assert said(reply).startswith("250 2.0.0 not sent: no-consent: ")
        assert on.reported() == [("stranger@example.org", "discarded", "no-consent")]
        assert (on.waiting(), on.hop.got) == ([], [])

    on_stage(tmp_path, story, policies={"newsletter": NEWSLETTER + '[verdict]\nno-consent = "discard"\n'})


@pytest.mark.parametrize(
    ("wish", "waiting", "reported"),
    [
        (Refusal.HOLD, [("stranger@example.org", "held", "no-consent")], ["gone@example.org"]),
        (Refusal.ACCEPT_AND_REPORT, [], ["stranger@example.org", "gone@example.org"]),
    ],
)
def test_a_client_that_wants_no_refusals_gets_none_and_nothing_is_sent_all_the_same(
    tmp_path: Path, wish: Refusal, waiting: list[tuple[str, str, str]], reported: list[str]
) -> None:
    async def story(on: Stage) -> None:
        await on.no("gone@example.org")
        for person in ("stranger@example.org", "gone@example.org"):
            replies, reply = await on.send(person, client=Client("crm", refusal=wish))
            assert replies[person].is_success
            assert said(reply).startswith("250 2.0.0 ")
        assert on.states() == waiting
        assert [recipient for recipient, _, _ in on.reported()] == reported
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_past_the_cap_of_held_mail_the_client_is_to_come_again_and_the_decision_says_why(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        _, first = await on.send("olaf@example.org")
        assert said(first).startswith("250 2.0.0 held: ")
        _, second = await on.send("mia@example.org")
        assert said(second).startswith("452 4.3.1 limit: ")
        assert on.states() == [("olaf@example.org", "held", "stale")]
        with open_reader(on.path, PSEUDONYMS) as reader:
            (found,) = reader.decisions(Wanted(reason=Reason.LIMIT), 10)
        assert found.decision.id in said(second)
        assert (found.decision.verdict, found.decision.reasons) == (Verdict.DEFER, (Reason.LIMIT, Reason.STALE))
        _, newer = await on.send("olaf@example.org")  # takes the place of the older one, so there is room
        assert said(newer).startswith("250 2.0.0 held: ")

    on_stage(tmp_path, story, known={"olaf@example.org": 500, "mia@example.org": 500}, caps=Caps(stream_copies=1))


class Happening(NamedTuple):
    """Somebody in the list, and what the next hop says to mail for them."""

    state: str
    answer: str


class Scene(NamedTuple):
    """stranger: what the policy says to people without consent. by_header: is everything decided at DATA?"""

    people: list[Happening]
    client: Client
    caps: Caps
    stranger: str
    by_header: bool


HAPPENINGS = st.builds(
    Happening,
    st.sampled_from(["fresh", "old", "stranger", "gone"]),
    st.sampled_from(["250 2.1.5 ok", "450 4.2.2 full", "550 5.1.1 no such user"]),
)
SCENES = st.builds(
    Scene,
    st.lists(HAPPENINGS, min_size=1, max_size=4),
    st.builds(Client, st.just("any"), retries=st.booleans(), refusal=st.sampled_from(Refusal)),
    st.sampled_from([Caps(), Caps(stream_copies=1), Caps(octets=10)]),
    st.sampled_from(["reject", "hold", "defer", "discard"]),
    st.booleans(),
)


@settings(max_examples=40)
@given(SCENES)
def test_a_250_means_one_place_for_everybody_and_anything_else_that_nothing_is_kept(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene
) -> None:
    named = {f"person{number}@example.org": one for number, one in enumerate(scene.people)}
    long_ago = {"fresh": 30, "old": 500}

    async def story(on: Stage) -> None:
        for address, one in named.items():
            on.hop.answers |= {} if one.answer.startswith("250") else {address: one.answer}
            if one.state == "gone":
                await on.no(address)
        replies, reply = await on.send(*named, client=scene.client)
        taken = {address for address, said_at_rcpt in replies.items() if said_at_rcpt.is_success}
        places = [
            *(address for _, recipients, _ in on.hop.got for address in recipients),
            *(address for address, _, _ in on.states()),
            *(recipient for recipient, _, _ in on.reported()),
        ]
        if reply is not None and reply.is_success:
            assert sorted(places) == sorted(taken)
        else:
            assert places == []
        for address, state, _ in on.states():  # laws 1 and 2
            one = named[address]
            assert one.state != "gone" or state == "failed"
            assert state != "held" or one.state in ("old", "stranger")
            assert state != "queued" or one.state == "fresh" or scene.stranger == "defer"
        assert all(named[address].state == "fresh" for _, recipients, _ in on.hop.got for address in recipients)

    receipts = RECEIPTS.replace("*@brand.example", "*@news.brand.example") if scene.by_header else RECEIPTS
    on_stage(
        tmp_path_factory.mktemp("any"),
        story,
        policies={"newsletter": NEWSLETTER + f'[verdict]\nno-consent = "{scene.stranger}"\n', "receipts": receipts},
        caps=scene.caps,
        known={address: long_ago[one.state] for address, one in named.items() if one.state in long_ago},
    )
