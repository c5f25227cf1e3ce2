"""After an erasure no mail that waits, and no line of a report, names the person; everybody else's mail goes on."""

from __future__ import annotations

from pathlib import Path

from store.waiting import CONTENT, NOW, Box, copy_to, message_to, transaction

from relay.address import address_from_text
from relay.queued import Fate, NewMessage, ReportLine, State, Step
from relay.reason import Reason
from relay.store.erasing import erase_everywhere, is_known

ANN = "ann.other@gmail.com"
SPELT = "Ann.O.ther+shop@googlemail.com"
BOB = "bob@example.org"
WIDE = address_from_text(ANN).wide


def mail_to(*people: str, to: str, text: str = "Hello", sender: str = "news@news.brand.example") -> NewMessage:
    content = f"From: <{sender}>\r\nTo: {to}\r\nSubject: Spring\r\n\r\n{text}\r\n".encode()
    return message_to(*people, content=content, tx=transaction(sender=sender))


def report_on(recipient: str, sender: str = "news@brand.example") -> ReportLine:
    return ReportLine(NOW, "shop", "brand", "newsletter", "M", "D", sender, recipient, Fate.EXPIRED, Reason.STALE)


def files_with(folder: Path, *needles: str) -> list[str]:
    return [
        file.name
        for file in sorted(folder.iterdir())
        if file.is_file() and any(needle.lower().encode() in file.read_bytes().lower() for needle in needles)
    ]


def test_copies_in_every_state_and_lines_of_reports_go(box: Box, tmp_path: Path) -> None:
    for state in State:
        box.accept(message_to(copy_to(ANN, state), copy_to(BOB, state)))
    box.accept(message_to(SPELT, content=f"To: {SPELT}\r\n\r\nA letter to you alone\r\n".encode()))
    box.step(Step(reports=(report_on(SPELT), report_on(BOB))))
    (claimed, *_) = box.claim()  # being worked on saves nothing
    assert files_with(tmp_path, ANN)
    assert files_with(tmp_path, "a letter to you alone")
    erased = erase_everywhere(box.committer, WIDE, NOW)
    assert (erased.copies, erased.reports, erased.contents) == (5, 1, 0)
    assert files_with(tmp_path, ANN, SPELT, "a letter to you alone") == []
    assert {address for address, _ in box.states()} == {BOB}
    assert [row[0] for row in box.reports()] == [BOB]
    assert claimed.message.number


def test_mail_to_others_that_names_the_person_goes_on_without(box: Box, tmp_path: Path) -> None:
    to = f"Ann <{ANN.upper()}>, <{SPELT}>,\r\n {ANN}, Bob <{BOB}>, joann.other@gmail.com"
    box.accept(mail_to(ANN, BOB, to=to, text=f"see https://x.example/?to={ANN}&x=1"))
    box.accept(mail_to(BOB, to=BOB))
    big = mail_to(BOB, to=ANN, text="x" * 1_000_000 + f"\r\n{ANN}\r\n")  # their own copy was delivered before
    box.accept(big)
    before = box.all("SELECT content FROM contents")[1]
    erased = erase_everywhere(box.committer, WIDE, NOW)
    assert (erased.copies, erased.contents) == (1, 2)
    ((first,), second, (third,)) = box.all("SELECT content FROM contents")
    assert second == before
    assert files_with(tmp_path, f"<{ANN}", f"={ANN}", f" {ANN}", SPELT) == []
    assert b"\r\n erased@erased.invalid, Bob <bob@example.org>, joann.other@gmail.com\r\n" in first
    assert b"?to=erased@erased.invalid&x=1" in first
    assert third == big.content.replace(ANN.encode(), b"erased@erased.invalid")
    assert [one.copies[0].recipient.address.domain for one in box.claim()] == ["example.org"] * 3


def test_what_the_person_sent_goes_out_without_an_address_to_return_it_to(box: Box, tmp_path: Path) -> None:
    box.accept(mail_to(BOB, to=BOB, sender=ANN))
    box.step(Step(reports=(report_on(BOB, sender=ANN),)))
    assert is_known(box.committer.connection, WIDE, box.committer.pseudonyms)
    erase_everywhere(box.committer, WIDE, NOW)
    assert files_with(tmp_path, ANN) == []
    assert box.claim()[0].message.tx.sender is None
    assert box.all("SELECT sender FROM reports") == [("@gmail.com",)]
    assert not is_known(box.committer.connection, "nobody@example.org", box.committer.pseudonyms)


def test_others_are_left_as_they_were(box: Box) -> None:
    box.accept(message_to(BOB))
    box.step(Step(reports=(report_on(BOB),)))
    erase_everywhere(box.committer, WIDE, NOW)
    assert box.states() == [(BOB, "queued")]
    assert box.all("SELECT content FROM contents") == [(CONTENT,)]
    assert len(box.reports()) == 1


def test_a_person_of_whom_only_mail_waits_is_known(box: Box) -> None:
    box.accept(message_to(copy_to(SPELT, State.HELD)))
    assert is_known(box.committer.connection, WIDE, box.committer.pseudonyms)
