from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journey import MAIL, NEWS, NEWSLETTER, NOW, ORDERS, PSEUDONYMS, RECEIPTS, TOKENS, Stage, shadowed, stage

from relay.address import address_from_text
from relay.config.settings import Mode
from relay.decision import Decision, Result
from relay.disposal import Forwarder
from relay.envelope import Client, Recipient, Refusal
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store.port import StoreUnavailableError
from relay.store.queue import Caps
from relay.store.reading import Wanted, open_reader
from relay.store.sqlite import SqliteStore, open_store
from relay.tokens import Purpose, unseal

SIGNED = (
    b"From: news@news.brand.example\r\nContent-Type: multipart/signed; boundary=b; micalg=pgp-sha256;"
    b' protocol="application/pgp-signature"\r\nMIME-Version: 1.0\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n'
    b"Content-Type: application/pgp-signature\r\n\r\nxx\r\n--b--\r\n"
)


def on_stage(folder: Path, story: Callable[[Stage], Awaitable[None]], **how: object) -> None:
    async def play() -> None:
        async with stage(folder, **how) as one:  # type: ignore[arg-type]
            await story(one)

    asyncio.run(play())


def said(reply: Reply | None) -> str:
    assert reply is not None
    return str(reply)


def test_a_person_who_agreed_gets_the_mail_with_headers_footer_and_signature(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        replies, reply = await on.send("hanako@example.org")
        assert str(replies["hanako@example.org"]) == "250 2.1.5 recipient accepted"  # no id: nothing is decided yet
        assert said(reply).startswith("250 2.0.0 taken as number 1 (id ")
        copy = email.message_from_bytes(on.hop.copy_of("hanako@example.org"))
        for name in ("Received", "DKIM-Signature", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Date"):
            assert len(copy.get_all(name, [])) == 1, name
        token = copy["List-Unsubscribe"].strip("<>").rpartition("/u/")[2]
        claims = unseal(TOKENS, Purpose.UNSUBSCRIBE, token)
        assert claims is not None
        assert (str(claims.address), claims.stream) == ("hanako@example.org", "newsletter")
        body = str(copy.get_payload())
        assert body.startswith("It is spring.")
        assert "1-1 Somewhere, Tokyo" in body
        assert "https://brand.example/form" in body

    on_stage(tmp_path, story)


def test_a_stranger_is_refused_at_rcpt_and_the_id_finds_the_decision(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        replies, data = await on.send("stranger@example.org")
        reply = replies["stranger@example.org"]
        assert str(reply).startswith("550 5.7.1 no-consent")
        assert data is None
        assert on.hop.got == []
        with open_reader(on.path, PSEUDONYMS) as reader:
            (found,) = reader.found_by_id(str(reply).rpartition("(id ")[2].rstrip(")"))
        assert str(found.decision.recipient) == "stranger@example.org"

    on_stage(tmp_path, story)


def test_the_decision_is_on_disk_before_the_next_hop_hears_of_the_message(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        seen: list[int] = []

        def look() -> None:
            with open_reader(on.path, PSEUDONYMS) as reader:
                seen.append(len(reader.decisions(Wanted(), 10)))

        on.hop.at_rcpt = look
        await on.send("hanako@example.org")
        assert seen == [1]

    on_stage(tmp_path, story)


def test_a_withdrawal_between_rcpt_and_data_stops_the_mail(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        tx = on.begin()
        recipient = Recipient(address_from_text("hanako@example.org"))
        assert (await on.pipeline.at_rcpt(tx, recipient)).is_success
        await on.no("Hanako+x@example.org")
        reply = await on.pipeline.at_data(tx, [recipient], MAIL)
        assert str(reply).startswith("550 5.7.1 withdrawn")
        assert on.hop.got == []

    on_stage(tmp_path, story)


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


def test_a_recipient_named_twice_gets_one_copy_as_the_first_asked_for(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        await on.send("hanako@example.org", '"hanako"@EXAMPLE.org')
        assert len(on.hop.got) == 1
        olaf = address_from_text("olaf@example.org")
        twice = [Recipient(olaf, ("NEVER",)), Recipient(olaf, ("FAILURE",))]
        assert (await on.pipeline.at_data(on.begin(), twice, MAIL)).text.startswith("held: stale: ")
        assert [(one["address"], one["notify"]) for one in on.waiting()] == [("olaf@example.org", "NEVER")]

    on_stage(tmp_path, story, known={"olaf@example.org": 500})


def test_the_next_hops_own_refusal_passes_back_to_one_recipient(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        on.hop.answers["hanako@example.org"] = "550 5.1.1 no such user here"
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("550 5.1.1 next-hop-refused: no such user here (id ")

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


def test_a_receipt_passes_without_consent_and_gets_no_footer(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.no("hanako@example.org")
        receipt = MAIL.replace(b"news@news.brand.example", b"orders@brand.example")
        _, reply = await on.send("hanako@example.org", content=receipt, sender=ORDERS)
        assert said(reply).startswith("250 ")
        ((_, recipients, copy),) = on.hop.got
        assert recipients == ("hanako@example.org",)
        assert copy.endswith(receipt)
        assert b"List-Unsubscribe" not in copy

    on_stage(tmp_path, story)


def test_what_no_policy_claims_is_refused_at_mail(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        _, reply = await on.send("a@example.org", sender=address_from_text("x@elsewhere.example"))
        assert said(reply).startswith("550 5.7.1 stream-unknown")

    on_stage(tmp_path, story)


def test_in_observe_mode_what_no_policy_claims_passes_byte_for_byte_and_is_recorded(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        content = b"Bcc: secret@example.org\r\nX-Consent-Stream: none\r\n\r\n..odd\x80 bytes\r\n"
        sender = address_from_text("x@elsewhere.example")
        _, reply = await on.send("a@example.org", content=content, sender=sender)
        assert said(reply).startswith("250 ")
        assert [copy for _, _, copy in on.hop.got] == [content]
        _, several = await on.send("a@example.org", "b@example.org", content=content, sender=sender)
        assert said(several).startswith("250 2.0.0 queued 2 ")
        await on.deliver()
        assert [copy for _, _, copy in on.hop.got] == [content, content]
        assert on.hop.got[1][1] == ("a@example.org", "b@example.org")
        with open_reader(on.path, PSEUDONYMS) as reader:
            assert {one.decision.reason for one in reader.decisions(Wanted(), 10)} == {Reason.OBSERVED}

    on_stage(tmp_path, story, mode=Mode.OBSERVE)


def test_observe_mode_enforces_the_policies_that_there_are(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        replies, _ = await on.send("stranger@example.org")
        assert replies["stranger@example.org"].code == 550

    on_stage(tmp_path, story, mode=Mode.OBSERVE)


def test_a_shadowed_stream_passes_unedited_and_stamps_no_contact(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        await on.send("hanako@example.org")
        await on.send("stranger@example.org")
        assert [copy for _, _, copy in on.hop.got] == [MAIL, MAIL]
        await on.store.flush()
        hanako = address_from_text("hanako@example.org")
        facts = await on.store.facts("brand", "newsletter", [hanako])
        assert facts[hanako].last_contact_at is None

    on_stage(tmp_path, story, policies={"newsletter": shadowed(NEWSLETTER)})


def test_a_delivery_by_a_migration_is_a_contact_and_says_in_its_facts_until_when(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        await on.send("hanako@example.org")
        await on.store.flush()
        hanako = address_from_text("hanako@example.org")
        facts = await on.store.facts("brand", "newsletter", [hanako])
        assert facts[hanako].last_contact_at is not None
        with open_reader(on.path, PSEUDONYMS) as reader:
            (stored,) = reader.decisions(Wanted(reason=Reason.MIGRATION), 10)
        assert stored.decision.facts["migration"] == until

    until = (NOW.date() + timedelta(days=10)).isoformat()
    moving = f'[consent]\naccept = ["written"]\n[migration]\naccept = ["double-opt-in"]\nuntil = {until}\n'
    on_stage(tmp_path, story, policies={"newsletter": re.sub(r"\[consent\]\n.*\n", "", NEWSLETTER) + moving})


def test_a_delivery_is_a_contact_and_a_refusal_is_none(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        people = {name: address_from_text(f"{name}@example.org") for name in ("hanako", "taro")}
        for address in people.values():
            await on.yes(str(address))
        on.hop.answers["taro@example.org"] = "550 5.1.1 gone"
        for address in people.values():
            await on.send(str(address))
        await on.store.flush()
        facts = await on.store.facts("brand", "newsletter", [*people.values()])
        assert facts[people["hanako"]].last_contact_at is not None
        assert facts[people["taro"]].last_contact_at is None
        with open_reader(on.path, PSEUDONYMS) as reader:
            results = [
                outcome.result
                for one in reader.decisions(Wanted(), 10)
                for outcome in reader.outcomes_of([one.decision.id])
            ]
        assert sorted(results) == [Result.DELIVERED, Result.REFUSED]

    on_stage(tmp_path, story)


def test_signed_mail_that_cannot_carry_the_footer_is_asked_for_again_and_not_harmed(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        _, reply = await on.send("hanako@example.org", content=SIGNED)
        assert said(reply).startswith("451 4.7.1 disclosure-impossible")
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_signed_mail_keeps_every_byte_where_the_policy_is_content_with_headers(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        _, reply = await on.send("hanako@example.org", content=SIGNED)
        assert said(reply).startswith("250 ")
        assert on.hop.copy_of("hanako@example.org").endswith(SIGNED)

    policy = NEWSLETTER + '[message]\nundisclosable = "headers-only"\n'
    on_stage(tmp_path, story, policies={"newsletter": policy})


def test_a_header_chooses_among_the_streams_of_a_sender_and_is_taken_out(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        replies, refused = await on.send("stranger@example.org")
        assert replies["stranger@example.org"].code == 250  # the header may still say otherwise
        assert said(refused).startswith("550 5.7.1 no-consent")  # nothing said so: the commercial one
        _, reply = await on.send("stranger@example.org", content=b"X-Consent-Stream: receipts\r\n" + MAIL)
        assert said(reply).startswith("250 ")
        assert b"X-Consent-Stream" not in on.hop.copy_of("stranger@example.org")

    receipts = RECEIPTS.replace("*@brand.example", "*@news.brand.example")
    on_stage(tmp_path, story, policies={"newsletter": NEWSLETTER, "receipts": receipts})


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


def test_a_sender_of_another_client_is_refused_whatever_the_client_wants_to_see(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        tx = on.begin(NEWS, client=Client("crm", senders=("*@crm.example",), refusal=Refusal.ACCEPT_AND_REPORT))
        assert str(await on.pipeline.at_mail(tx)).startswith("550 5.7.1 sender-not-allowed")

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


def test_a_client_may_use_only_its_own_senders(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        tx = on.begin(NEWS, client=Client("crm", senders=("*@crm.example",)))
        assert str(await on.pipeline.at_mail(tx)).startswith("550 5.7.1 sender-not-allowed")

    on_stage(tmp_path, story)


def test_when_the_store_does_not_answer_nothing_is_sent_and_the_client_tries_again(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        tx = on.begin()
        await on.store.close()
        recipient = Recipient(address_from_text("hanako@example.org"))
        assert str(await on.pipeline.at_rcpt(tx, recipient)).startswith("451 4.3.0 store-unavailable")
        assert str(await on.pipeline.at_data(tx, [recipient], MAIL)).startswith("451 4.3.0 store-unavailable")
        crm = on.begin(NEWS, client=Client("crm", senders=()))
        assert (await on.pipeline.at_mail(crm)).is_temporary
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_a_large_message_does_not_block_the_loop(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        loop = asyncio.get_running_loop()
        longest = 0.0  # seconds

        async def watch() -> None:
            nonlocal longest
            while True:
                before = loop.time()
                await asyncio.sleep(0.005)
                longest = max(longest, loop.time() - before)

        watching = asyncio.create_task(watch())
        content = MAIL + b"".join([b" " * 990 + b"\r\n"] * 5000)
        _, reply = await on.send("hanako@example.org", content=content)
        watching.cancel()
        assert said(reply).startswith("250 ")
        assert on.hop.copy_of("hanako@example.org").count(b" " * 990) == 5000
        assert longest < 0.5

    on_stage(tmp_path, story)


def withdrawing_after_the_decision(
    on: Stage, monkeypatch: pytest.MonkeyPatch, person: str, stream: str = "newsletter"
) -> None:
    """The decision that lets it pass is on disk; then the person says no, and is told so; then the mail would go out."""
    record = SqliteStore.record

    async def record_then_withdraw(store: SqliteStore, decisions: Sequence[Decision]) -> None:
        await record(store, decisions)
        monkeypatch.setattr(SqliteStore, "record", record)
        await on.no(person, stream=stream)

    monkeypatch.setattr(SqliteStore, "record", record_then_withdraw)


def test_after_an_acknowledged_withdrawal_no_attempt_starts_however_short_ago_the_facts_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []
        with open_reader(on.path, PSEUDONYMS) as reader:
            passed, refused = sorted(reader.decisions(Wanted(), 10), key=lambda one: one.decision.id)
            (outcome,) = reader.outcomes_of([passed.decision.id])
        assert (passed.decision.verdict, outcome.result) == (Verdict.DELIVER, Result.WITHHELD)
        assert (refused.decision.reason, refused.decision.id in said(reply)) == (Reason.WITHDRAWN, True)

    on_stage(tmp_path, story)


def test_a_withdrawal_in_another_process_is_seen_by_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        other = await open_store(on.path, tmp_path / "withdrawals.journal", PSEUDONYMS)
        try:
            here, on.store = on.store, other  # whose `no` is the other's now
            withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
            _, reply = await on.send("hanako@example.org")
            on.store = here
        finally:
            await other.close()
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_facts_are_not_read_again_while_nobody_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    facts = SqliteStore.facts

    async def counted(store: SqliteStore, *question: Any) -> Any:
        read.append("facts")
        return await facts(store, *question)

    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        await on.no("taro@example.org")
        monkeypatch.setattr(SqliteStore, "facts", counted)
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("250 ")
        assert len(read) == 2  # at RCPT and at DATA

    on_stage(tmp_path, story)


def test_what_people_say_while_a_large_message_is_looked_through_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Forwarder.plan

    async def story(on: Stage) -> None:
        async def slow(forwarder: Forwarder, *arguments: Any) -> Any:
            await on.yes("hanako@example.org", days_ago=0)
            return await plan(forwarder, *arguments)

        await on.yes("hanako@example.org", days_ago=500)
        monkeypatch.setattr(Forwarder, "plan", slow)
        _, reply = await on.send("hanako@example.org")
        assert not said(reply).startswith("250 2.0.0 held: ")
        assert len(on.hop.got) == 1

    on_stage(tmp_path, story)


@pytest.mark.parametrize(
    ("wish", "verdicts"), [(Refusal.ACCEPT_AND_REPORT, ""), (Refusal.REJECT, '[verdict]\nwithdrawn = "discard"\n')]
)
def test_who_withdraws_meanwhile_is_dealt_with_as_the_client_or_the_policy_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Refusal, verdicts: str
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
        _, reply = await on.send("hanako@example.org", client=Client("crm", refusal=wish))
        assert said(reply).startswith("250 2.0.0 not sent: withdrawn: ")
        assert on.reported() == [("hanako@example.org", "discarded", "withdrawn")]
        assert on.hop.got == []

    on_stage(tmp_path, story, policies={"newsletter": NEWSLETTER + verdicts})


def test_a_no_that_names_a_stream_of_receipts_stops_a_receipt_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org", stream="receipts")
        _, reply = await on.send("hanako@example.org", sender=ORDERS)
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []

    on_stage(tmp_path, story)


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
