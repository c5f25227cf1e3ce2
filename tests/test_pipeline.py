from __future__ import annotations

import asyncio
import email
import re
import time
from datetime import timedelta
from pathlib import Path

from journey import MAIL, NEWS, NEWSLETTER, NOW, ORDERS, PSEUDONYMS, RECEIPTS, TOKENS, Stage, on_stage, said, shadowed

from relay.address import address_from_text
from relay.config.settings import Mode
from relay.decision import Result
from relay.envelope import Client, Recipient, Refusal
from relay.reason import Reason
from relay.store.reading import Wanted, open_reader
from relay.tokens import Purpose, unseal

SIGNED = (
    b"From: news@news.brand.example\r\nContent-Type: multipart/signed; boundary=b; micalg=pgp-sha256;"
    b' protocol="application/pgp-signature"\r\nMIME-Version: 1.0\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n'
    b"Content-Type: application/pgp-signature\r\n\r\nxx\r\n--b--\r\n"
)


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


def test_a_sender_of_another_client_is_refused_whatever_the_client_wants_to_see(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        tx = on.begin(NEWS, client=Client("crm", senders=("*@crm.example",), refusal=Refusal.ACCEPT_AND_REPORT))
        assert str(await on.pipeline.at_mail(tx)).startswith("550 5.7.1 sender-not-allowed")

    on_stage(tmp_path, story)


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
        longest = 0.0  # seconds, of this process's own work: others must not count

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.process_time()
                await asyncio.sleep(0.005)
                longest = max(longest, time.process_time() - before)

        watching = asyncio.create_task(watch())
        content = MAIL + b"".join([b" " * 990 + b"\r\n"] * 5000)
        _, reply = await on.send("hanako@example.org", content=content)
        watching.cancel()
        assert said(reply).startswith("250 ")
        assert on.hop.copy_of("hanako@example.org").count(b" " * 990) == 5000
        assert longest < 0.5

    on_stage(tmp_path, story)
