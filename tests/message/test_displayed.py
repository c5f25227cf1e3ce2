from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.displayed import Displayed, displayed_parts, is_report
from relay.message.index import Part, index, parts_of
from relay.message.rules import Amp

PLAIN = "Content-Type: text/plain\n\nplain"
HTML = "Content-Type: text/html\n\nhtml"
PICTURE = "Content-Type: image/png\nContent-ID: <p>\n\npicture"
PDF = 'Content-Type: application/pdf; name="x.pdf"\nContent-Disposition: attachment\n\npdf'
TEXT_FILE = 'Content-Type: text/plain; name="x.txt"\nContent-Disposition: attachment\n\nfile'
INLINE_FILE = 'Content-Type: text/plain\nContent-Disposition: inline; filename="x.txt"\n\nfile'
BAD_NAME = "Content-Type: text/plain; name=This is a file.txt\n\nfile"
EMPTY = ""
SIGNED = "Content-Type: multipart/signed; boundary=s\n\n--s\n\nx\n--s--"
AMP = "Content-Type: text/x-amp-html\n\n<html amp4email>"
FORWARDED = "Content-Type: message/rfc822\n\n" + HTML
STATUS = "Content-Type: message/delivery-status\n\nx"
SMIME = 'Content-Type: application/pkcs7-mime; name="smime.p7m"\nContent-Disposition: attachment\n\nx'
PGP = "Content-Type: application/pgp-encrypted\n\nVersion: 1"
TNEF = 'Content-Type: application/ms-tnef; name="winmail.dat"\nContent-Disposition: attachment\n\nx'
RICH = "Content-Type: text/richtext\n\nx"
CALENDAR = "Content-Type: text/calendar\n\nBEGIN:VCALENDAR"
_count = iter(range(10**6))


def multi(kind: str, *parts: str, more: str = "") -> str:
    boundary = f"=_{next(_count)}"
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}\n\n{body}--{boundary}--'


def displayed(message: str, amp: Amp = Amp.KEEP) -> tuple[bytes, Displayed | str]:
    content = message.replace("\n", "\r\n").encode()
    return content, displayed_parts(index(content), parts_of(index(content)), amp)


def bodies(message: str, amp: Amp = Amp.KEEP) -> list[str] | str:
    content, found = displayed(message, amp)
    if isinstance(found, str):
        return found
    assert found.attachments_only == (not found.parts)
    return [content[part.body : part.end].decode() for part in found.parts]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (PLAIN, ["plain"]),
        ("Subject: x\n\nplain", ["plain"]),
        ("Content-Type: text/plain; name=letter.txt\n\nplain", ["plain"]),
        (multi("alternative", PLAIN, HTML), ["plain", "html"]),
        (multi("mixed", PLAIN, PDF, TEXT_FILE, INLINE_FILE, BAD_NAME), ["plain"]),
        (multi("mixed", multi("alternative", PLAIN, HTML), PDF), ["plain", "html"]),
        (multi("mixed", multi("alternative", PLAIN, multi("related", HTML, PICTURE)), PDF), ["plain", "html"]),
        (multi("related", multi("alternative", PLAIN, HTML), PICTURE), ["plain", "html"]),
        (multi("related", PICTURE, "Content-ID: <r>\n" + HTML, more='; start="<r>"'), ["html"]),
        (multi("related", PICTURE, "Content-ID: <r>\n" + HTML, more="; start=r"), ["html"]),
        (multi("alternative", PLAIN, multi("mixed", HTML, PDF, HTML + " again")), ["plain", "html again"]),
        (multi("alternative", multi("mixed", PLAIN, PDF), multi("related", HTML, PICTURE)), ["plain", "html"]),
        (multi("mixed", PLAIN, PDF, PLAIN + " again"), ["plain again"]),
        (multi("mixed", HTML, PDF, HTML + " again"), ["html again"]),
        (multi("mixed", PLAIN, PDF, EMPTY), ["plain"]),
        (multi("alternative", PLAIN, HTML, PDF), ["plain", "html"]),
        (multi("mixed", PLAIN, FORWARDED), ["plain"]),
        (multi("mixed", FORWARDED, PLAIN, multi("digest", "Subject: x\n\nx", PLAIN)), ["plain"]),
        (multi("mixed", PLAIN, CALENDAR), ["plain"]),
        (multi("parallel", PLAIN, "Content-Type: audio/basic\n\nx"), ["plain"]),
        (multi("unheard-of", PLAIN), ["plain"]),
        ("Content-Transfer-Encoding: base64\n" + multi("mixed", PLAIN), ["plain"]),
        (
            multi("mixed", PLAIN, multi("mixed", HTML).replace("\n", "\nContent-Disposition: attachment\n", 1)),
            ["plain"],
        ),
        (multi("mixed", PLAIN).replace("\n", "\nContent-Disposition: attachment\n", 1), ["plain"]),
        (multi("mixed", PLAIN, TNEF), ["plain"]),
    ],
)
def test_the_footer_belongs_at_the_end_of_each_alternative_of_the_text(message: str, expected: list[str]) -> None:
    assert bodies(message) == expected


@pytest.mark.parametrize(
    "other",
    [
        CALENDAR,
        AMP,
        PICTURE,
        RICH,
        "Content-Type: text/enriched\n\nx",
        "Content-Type: text/watch-html\n\nx",
        "Content-Type: text/calendar; name=invite.ics\n\nx",
        multi("related", PICTURE, PICTURE),
        multi("mixed", RICH, PICTURE),
        EMPTY,
    ],
)
def test_alternatives_that_are_no_text_of_ours_are_left_alone_beside_the_text(other: str) -> None:
    assert bodies(multi("alternative", PLAIN, other, HTML)) == ["plain", "html"]
    assert bodies(multi("mixed", multi("alternative", PLAIN, other), PDF)) == ["plain"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (multi("alternative", CALENDAR), "text/calendar"),
        (multi("alternative", AMP, PDF), "text/x-amp-html"),
        (multi("mixed", multi("alternative", RICH, CALENDAR), PDF), "text/richtext"),
        (multi("mixed", RICH, PDF), "text/richtext"),
        (multi("related", RICH, PICTURE), "text/richtext"),
        (CALENDAR, "text/calendar"),
        ("Content-Type: plain/text\n\nx", "plain/text"),
        ("Content-Type: message/partial; id=x\n\nx", "message/partial"),
        (TNEF, "application/ms-tnef"),
        (multi("mixed", TNEF, PDF), "application/ms-tnef"),
    ],
)
def test_where_only_other_text_is_shown_the_reason_says_which(message: str, kind: str) -> None:
    reason = bodies(message)
    assert isinstance(reason, str)
    assert f"({kind})" in reason


@pytest.mark.parametrize(
    "message",
    [
        multi("mixed", PDF),
        multi("mixed", PICTURE, TEXT_FILE, INLINE_FILE, BAD_NAME),
        multi("mixed", FORWARDED, PDF),
        multi("mixed", "Content-Type: text/csv; name=x.csv\n\nx"),
        multi("mixed", multi("related", PICTURE)),
        multi("alternative", PDF),
        multi("digest", "Subject: x\n\nx"),
        multi("digest", HTML),
        multi("appledouble", "Content-Type: application/applefile\n\nx", PLAIN),
        FORWARDED,
        PICTURE,
        TEXT_FILE,
        "Content-Type: application/zip\n\nx",
        "Content-Disposition: attachment\n" + HTML,
        'Content-Disposition: attachment; filename="x.ics"\n' + CALENDAR,
    ],
)
def test_a_message_of_files_alone_is_attachments_only(message: str) -> None:
    assert bodies(message) == []


@pytest.mark.parametrize(
    "sealed",
    [
        SIGNED,
        SMIME,
        PGP,
        multi("encrypted", PGP, PDF),
        "Content-Type: application/x-pkcs7-mime\n\nx",
        "Content-Type: text/pgp\n\nx",
        multi("report", PLAIN, STATUS),
        "Content-Type: multipart/mixed\n\nx",
        "Content-Type: words\n\nx",
    ],
)
def test_what_is_never_opened_stays_closed_beside_a_text_that_all_see(sealed: str) -> None:
    assert isinstance(bodies(sealed), str)
    assert isinstance(bodies(multi("mixed", sealed, PDF)), str)
    assert isinstance(bodies(multi("mixed", multi("mixed", sealed), PDF)), str)
    assert isinstance(bodies(multi("alternative", PLAIN, sealed)), str)
    assert isinstance(bodies(multi("related", sealed, PICTURE)), str)
    assert bodies(multi("mixed", sealed, PLAIN)) == ["plain"]
    assert bodies(multi("mixed", PLAIN, sealed)) == ["plain"]


@pytest.mark.parametrize(
    "message",
    [
        # a server made a multipart/mixed of a multipart/encrypted; programs that repair it want an empty first part
        multi("mixed", PLAIN, PGP, "Content-Type: application/octet-stream\n\nx"),
        multi("related", HTML, more='; start="<elsewhere>"'),
        "Content-Type: multipart/mixed; boundary=b\n\n--b--\n",
        multi("mixed", PDF, "no header block"),
        multi("alternative", PLAIN, "no header block"),
    ],
)
def test_where_it_is_not_plain_which_text_is_read_there_is_a_reason(message: str) -> None:
    reason = bodies(message)
    assert isinstance(reason, str)
    assert reason.isascii()


@pytest.mark.parametrize(
    "message",
    [
        multi("report", PLAIN, STATUS),
        multi("mixed", PLAIN, STATUS, FORWARDED),
        STATUS,
        multi("report", PLAIN, "Content-Type: message/feedback-report\n\nx"),
        multi("mixed", PLAIN, "Content-Type: message/disposition-notification\n\nx"),
    ],
)
def test_reports_are_left_alone(message: str) -> None:
    assert bodies(message) == "a report"
    assert is_report(parts_of(index(message.replace("\n", "\r\n").encode())))


def test_a_report_that_somebody_attached_makes_no_report() -> None:
    assert bodies(multi("mixed", PLAIN, "Content-Disposition: attachment\n" + STATUS)) == ["plain"]


def test_amp_is_dropped_where_the_policy_says_so_and_text_is_left() -> None:
    content, found = displayed(multi("mixed", multi("alternative", PLAIN, AMP, HTML), PDF), Amp.DROP)
    assert isinstance(found, Displayed)
    assert [content[part.body : part.end] for part in found.dropped] == [b"<html amp4email>"]
    assert len(found.parts) == 2
    assert isinstance(bodies(multi("alternative", AMP), Amp.DROP), str)


def test_amp_makes_a_message_undisclosable_where_the_policy_says_so() -> None:
    assert "text/x-amp-html" in bodies(multi("alternative", PLAIN, AMP), Amp.UNDISCLOSABLE)
    assert "text/x-amp-html" in bodies(multi("mixed", multi("alternative", PLAIN, AMP), PDF), Amp.UNDISCLOSABLE)


@pytest.mark.parametrize("amp", Amp)
def test_amp_above_the_text_with_the_footer_is_shown_with_it(amp: Amp) -> None:
    _, found = displayed(multi("mixed", multi("alternative", PLAIN, AMP), PLAIN), amp)
    assert isinstance(found, Displayed)
    assert (len(found.parts), found.dropped) == (1, ())
    assert bodies(multi("mixed", multi("alternative", AMP), PLAIN), amp) == ["plain"]


_KINDS = st.sampled_from(["mixed", "alternative", "related", "digest", "signed", "parallel"])
_TREES = st.recursive(
    st.sampled_from([PLAIN, HTML, PICTURE, PDF, TEXT_FILE, EMPTY, CALENDAR, AMP, FORWARDED, SMIME, TNEF, STATUS]),
    lambda parts: st.builds(lambda kind, some: multi(kind, *some), _KINDS, st.lists(parts, max_size=4)),
    max_leaves=12,
)


@given(_TREES, st.sampled_from(list(Amp)))
def test_whatever_the_structure_no_file_and_nothing_sealed_is_chosen(message: str, amp: Amp) -> None:
    content, found = displayed(message, amp)
    if isinstance(found, str):
        assert found
        return
    opened = list(reachable(parts_of(index(content))))
    for part in found.parts:
        assert part.kind.kind in ("text/plain", "text/html")
        assert not part.attached
        assert part in opened
    assert all(part.kind.kind == "text/x-amp-html" for part in found.dropped)
    assert bool(found.dropped) <= (amp is Amp.DROP)
    assert list(found.parts) == sorted(found.parts, key=lambda part: part.body)


def reachable(part: Part) -> list[Part]:
    if part.kind.kind in ("multipart/signed", "multipart/digest") or part.kind.kind.startswith("message/"):
        return []
    return [part] + [leaf for child in part.children for leaf in reachable(child)]


def test_a_type_of_any_length_makes_a_short_reason() -> None:
    _, found = displayed(f"Content-Type: text/{'x' * 100_000}\n\nx")
    assert isinstance(found, str)
    assert len(found) < 120


def test_hundreds_of_alternatives_are_no_message() -> None:
    texts = [f"Content-Type: text/plain\n\n{number}" for number in range(33)]
    assert len(bodies(multi("alternative", *texts[:32]))) == 32
    assert displayed(multi("alternative", *texts))[1] == "more alternative texts than any message has"


@pytest.mark.parametrize("name", ["smime.p7m", "SMIME.P7M", "x.p7s"])
def test_what_is_sealed_by_its_file_name_alone_is_not_opened(name: str) -> None:
    _, found = displayed(f"Content-Type: application/octet-stream; name={name}\n\nx")
    assert found == "signed or encrypted (S/MIME by its file name)"
    _, other = displayed("Content-Type: application/octet-stream; name=a.bin\n\nx")
    assert isinstance(other, Displayed)
    assert other.attachments_only
