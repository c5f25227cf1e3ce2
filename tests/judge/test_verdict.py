"""The judge finds what is wrong: a right rewriting passes, and each way to break one is noticed by the rule for it."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pytest
from judge.verdict import RULES, Promise, violations, words

LINK: Final = "https://mail.example/u/k1.token"
PROMISE: Final = Promise(LINK, values={"sender": "Brand"})
RULE: Final = "_" * 40
PLAIN: Final = f"\r\n{RULE}\r\nBrand\r\nStop: {LINK}\r\nTokyo\r\n{RULE}\r\n".encode()
HTML: Final = (
    f'<!--consent-relay:footer-->\r\n<div lang="en">Brand <a href="{LINK}">Stop</a></div>\r\n<!--/consent-relay:footer-->\r\n'
).encode()
OURS: Final = (
    f"Received: from a by b; now\r\nList-Unsubscribe: <{LINK}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "List-Id: <news.example>\r\n"
).encode()
HEAD: Final = (
    b"From: Brand <news@brand.example>\r\nTo: a@example.jp\r\nSubject: =?utf-8?q?tea?=\r\n  and more\r\nDate: now\r\n"
    b"Message-ID: <1@brand.example>\r\nMIME-Version: 1.0\r\n"
)
TEXT: Final = b"Hello,\r\n\r\nnew tea has arrived.\r\n"
PAGE: Final = b"<html><body><p>New tea has <b>arrived</b>.</p>\r\n</body></html>\r\n"
PDF: Final = encodebytes(bytes(range(120))).replace(b"\n", b"\r\n")
MIXED: Final = (
    HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\npreamble\r\n--m\r\n'
    b"Content-Type: multipart/alternative;\r\n boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\n" + TEXT
    + b"\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + PAGE
    + b"\r\n--a--\r\n\r\n--m\r\nContent-Type: application/pdf; name=tea.pdf\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename=tea.pdf\r\n\r\n" + PDF
    + b"\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: old\r\n\r\nforwarded\r\n"
    b"\r\n--m\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n\r\n--m--\r\nepilogue\r\n"
)  # fmt: skip


def rewritten(original: bytes = MIXED) -> bytes:
    """As it should be."""
    return OURS + original.replace(TEXT, TEXT + PLAIN).replace(b"</body>", HTML + b"</body>")


def single(fields: bytes, body: bytes) -> bytes:
    return HEAD + fields + b"\r\n" + body


@dataclass(frozen=True, slots=True)
class Broken:
    """name: what somebody did wrong. rule: of the judge, that has to notice. original: of the message, MIXED by default."""

    name: str
    rule: str
    result: Callable[[bytes], bytes]
    original: bytes = MIXED
    promise: Promise = PROMISE


def swap(old: bytes, new: bytes, count: int = -1) -> Callable[[bytes], bytes]:
    def change(right: bytes) -> bytes:
        assert old in right, old
        return right.replace(old, new, count)

    return change


def made(result: bytes) -> Callable[[bytes], bytes]:
    return lambda _: result


JIS: Final = single(b"Content-Type: text/plain; charset=iso-2022-jp\r\n", "お茶\r\n".encode("iso2022_jp"))
JIS_FOOTER: Final = f"\r\n{RULE}\r\n配信の停止\r\n{LINK}\r\n{RULE}\r\n".encode("iso2022_jp")
FLOWED: Final = single(b"Content-Type: text/plain; format=flowed\r\n", b"Hello \r\nyou.\r\n")
QP: Final = single(
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n", b"Th=C3=A9\r\n"
)
BASE64: Final = single(
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n",
    encodebytes(b"tea\r\n" * 200).replace(b"\n", b"\r\n"),
)
LATIN: Final = single(
    b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n", b"th\xe9\r\n"
)
PAGE_ONLY: Final = single(b"Content-Type: text/html; charset=iso-8859-1\r\n", PAGE)
SIGNED: Final = single(
    b"Content-Type: multipart/signed; boundary=s\r\n",
    b"--s\r\n\r\ntea\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n",
)
REPORT: Final = single(b"Content-Type: multipart/report; boundary=r\r\n", b"--r\r\n\r\nfailed\r\n\r\n--r--\r\n")
TEMPLATE: Final = single(b"Content-Type: text/plain\r\n", b"We are {{ sender }}, stop at {{unsubscribe_url}}\r\n")
QUOTED: Final = single(b"Content-Type: text/html\r\n", b"<body><p>tea</p><blockquote>old</blockquote></body>\r\n")
FORWARD: Final = single(b"Content-Type: text/plain\r\n", b"look:\r\n" + PLAIN.replace(b"k1.token", b"k1.elses"))
DKIM: Final = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=brand.example; s=s1;\r\n\th=from:from:list-unsubscribe:"
    b"list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post;\r\n\tbh=%s; b=eA==\r\n"
)

BROKEN: Final = [
    # header fields
    Broken("a field is refolded", "header_fields_stay_as_they_are", swap(b"tea?=\r\n  and", b"tea?=\r\n and")),
    Broken("two fields change places", "header_fields_stay_as_they_are", swap(b"To: a@example.jp\r\nSubject: =?utf-8?q?tea?=\r\n  and more\r\n", b"Subject: =?utf-8?q?tea?=\r\n  and more\r\nTo: a@example.jp\r\n")),
    Broken("a field is lost", "header_fields_stay_as_they_are", swap(b"To: a@example.jp\r\n", b"")),
    Broken("a field of nobody's list is added", "header_fields_stay_as_they_are", swap(b"Received:", b"Subject: new\r\nReceived:")),
    Broken("ours stand in the middle", "header_fields_stay_as_they_are", swap(b"To: a", b"Precedence: bulk\r\nTo: a")),
    Broken("the mbox line is gone", "header_fields_stay_as_they_are", lambda right: right, original=b"From a Sat Jun 1 00:00:00 2024\r\n" + MIXED),
    Broken("blind copies are shown", "nobody_sees_blind_copies", lambda right: right, original=b"Bcc: b@example.jp\r\n" + MIXED),
    Broken("two List-Unsubscribe", "list_fields_stand_once", swap(b"From: Brand", b"List-Unsubscribe: <mailto:a@b.example>\r\nFrom: Brand")),
    Broken("no List-Unsubscribe", "list_fields_stand_once", swap(f"List-Unsubscribe: <{LINK}>\r\n".encode(), b"")),
    Broken("an encoded List-Unsubscribe", "list_unsubscribe_is_written_plainly", swap(f"<{LINK}>".encode(), b"=?utf-8?q?=3C" + LINK.encode() + b"=3E?=")),
    Broken("List-Unsubscribe folded inside its URI", "list_unsubscribe_is_written_plainly", swap(b"<https://mail.example/u/", b"<https://mail.example/\r\n u/", 1)),
    Broken("one-click by plain http", "one_click_has_an_https_link", swap(f"List-Unsubscribe: <{LINK}>".encode(), f"List-Unsubscribe: <{LINK.replace('https', 'http')}>".encode())),
    Broken("a field folded right after the colon", "new_fields_are_ascii_and_short", swap(b"Received: from", b"Received:\r\n from")),
    Broken("an 8-bit field", "new_fields_are_ascii_and_short", swap(b"Received: from", b"Received: fr\xf6m")),
    Broken("a second Date", "identity_fields_are_there", swap(b"Received:", b"Date: then\r\nReceived:")),
    Broken("a part's own fields change", "edited_parts_keep_their_fields", swap(b"Content-Type: text/html; charset=utf-8\r\n", b"Content-Type: text/html; charset=utf-8\r\nX-New: y\r\n")),
    Broken("a parameter of an edited part goes", "edited_parts_keep_their_fields", made(OURS + FLOWED.replace(b"; format=flowed", b"") + PLAIN), original=FLOWED),
    Broken("a multipart's fields change", "untouched_parts_keep_their_fields", swap(b";\r\n boundary=a", b"; boundary=a")),
    Broken("a digest of the old body stays", "stale_digests_are_gone", lambda right: right, original=HEAD.replace(b"MIME-V", b"Content-MD5: x==\r\nMIME-V") + b"\r\n" + TEXT),
    # structure
    Broken("a part is lost", "parts_match", swap(b"--m\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n\r\n", b"")),
    Broken("a part of ours is named", "added_parts_are_plain_to_see", made(OURS + HEAD + b"Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n" + SIGNED.partition(b"\r\n\r\n")[2] + b"\r\n--w\r\nContent-Type: text/plain; name=footer.txt\r\nContent-Disposition: inline\r\n\r\n" + LINK.encode() + b"\r\n--w--\r\n"), original=SIGNED),
    Broken("a delimiter is written anew", "text_around_the_parts_stays", swap(b"\r\n--a--\r\n", b"\r\n--a-- \r\n")),
    Broken("the epilogue is lost", "text_around_the_parts_stays", swap(b"epilogue\r\n", b"")),
    Broken("an empty line more before a delimiter of the attachment", "attachments_stay", swap(PDF, PDF + b"\r\n")),
    Broken("the footer stands in an attached text", "attachments_stay", made(OURS + MIXED.replace(PDF, PDF + PLAIN))),
    Broken("the footer stands in a forwarded message", "forwarded_messages_stay", swap(b"forwarded\r\n", b"forwarded\r\n" + PLAIN)),
    Broken("an invitation is edited", "calendars_and_amp_stay", swap(b"BEGIN:VCALENDAR\r\n", b"BEGIN:VCALENDAR\r\n" + PLAIN)),
    Broken("an unknown type is edited", "other_parts_stay", swap(b"BEGIN:VCALENDAR\r\n", b"BEGIN:VCALENDAR\r\nx\r\n")),
    Broken("a signed message is edited", "sealed_parts_stay", swap(b"tea\r\n--s\r\nC", b"tea\r\nx\r\n--s\r\nC"), original=SIGNED),
    Broken("inline PGP is edited", "sealed_parts_stay", lambda right: right.replace(b"PGP\r\n", b"PGP\r\n" + PLAIN), original=single(b"", b"-----BEGIN PGP\r\n")),
    Broken("a report is edited", "reports_stay", swap(b"failed\r\n", b"failed\r\n" + PLAIN), original=REPORT),
    Broken("a body changes that was promised to stay", "unpromised_bodies_stay", lambda right: right, promise=replace(PROMISE, footer=False)),
    Broken("a part without a body is written to", "headless_parts_stay", made(OURS + HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain" + PLAIN + b"\r\n--m--\r\n"), original=HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n--m--\r\n"),
    Broken("a boundary appears in the footer", "email_package_sees_the_same_parts", lambda right: right.replace(b"--m--\r\nepilogue", b"--m--\r\nepilogue").replace(b"arrived.\r\n", b"arrived.\r\n--a\r\n\r\n", 1)),
    # text
    Broken("the text is no longer in its charset", "edited_text_decodes", made(OURS + QP + b"=E9\r\n" + PLAIN), original=QP),
    Broken("a charset changes for nothing", "charset_changes_only_where_it_must", made(OURS + LATIN.replace(b"iso-8859-1", b"utf-8").replace(b"\xe9", b"\xc3\xa9") + PLAIN), original=LATIN),
    Broken("HTML changes its charset", "charset_changes_only_where_it_must", lambda right: right.replace(b"iso-8859-1", b"utf-8"), original=PAGE_ONLY),
    Broken("a word of the author changes", "the_authors_text_is_all_there", swap(b"new tea", b"old tea")),
    Broken("HTML is tidied", "the_authors_text_is_all_there", swap(b"<b>arrived</b>", b"<B>arrived</B>")),
    Broken("umlauts become mojibake", "the_authors_text_is_all_there", made(OURS + LATIN.replace(b"iso-8859-1", b"utf-8").replace(b"\xe9", b"\xc3\x83\xc2\xa9") + PLAIN), original=LATIN),
    Broken("a placeholder stays", "the_authors_text_is_all_there", made(OURS + TEMPLATE.replace(b"{{unsubscribe_url}}", LINK.encode()) + PLAIN), original=TEMPLATE),
    Broken("a placeholder becomes somebody else's", "the_authors_text_is_all_there", made(OURS + TEMPLATE.replace(b"{{unsubscribe_url}}", LINK.encode()).replace(b"{{ sender }}", b"Other")), original=TEMPLATE),
    Broken("one alternative has no footer", "readers_see_one_footer", swap(PLAIN, b"")),
    Broken("two footers", "readers_see_one_footer", swap(PLAIN, PLAIN + PLAIN)),
    Broken("two HTML footers", "readers_see_one_footer", swap(HTML, HTML + HTML)),
    Broken("the old footer of a forward stays", "readers_see_one_footer", lambda right: right + PLAIN, original=FORWARD),
    Broken("the footer has another copy's link", "the_link_can_be_reached", swap(b"Stop: https://mail.example/u/k1.token", b"Stop: https://mail.example/u/k1.elses")),
    Broken("the footer is glued to the last line", "plain_footers_stand_at_the_end", swap(b"arrived.\r\n\r\n", b"arrived.\r\n")),
    Broken("the footer stands first", "plain_footers_stand_at_the_end", lambda right: right.replace(b"Hello,", PLAIN + b"\r\nHello,"), original=single(b"", b"Hello, all\r\n")),
    Broken("a flowed footer line begins with From", "plain_footers_stand_at_the_end", made(OURS + FLOWED + PLAIN.replace(b"Brand", b"From Brand")), original=FLOWED),
    Broken("kanji state is not left", "iso_2022_jp_is_escaped_rightly", made(OURS + JIS + JIS_FOOTER + b'\x1b$B$"\r\n'), original=JIS),
    Broken("two escapes in a row", "iso_2022_jp_is_escaped_rightly", made(OURS + JIS + JIS_FOOTER.replace(b"\x1b$B", b"\x1b(B\x1b$B", 1)), original=JIS),
    Broken("half-width kana", "iso_2022_jp_is_escaped_rightly", made(OURS + JIS + JIS_FOOTER.replace(b"\x1b$B", b"\x1b(I1\x1b$B", 1)), original=JIS),
    Broken("EUC under the label ISO-2022-JP", "iso_2022_jp_is_escaped_rightly", made(OURS + JIS + JIS_FOOTER + "茶".encode("euc_jp")), original=JIS),
    # HTML
    Broken("behind </html>", "html_footers_stand_last", lambda right: right.replace(HTML, b"") + HTML, original=PAGE_ONLY),
    Broken("before the text", "html_footers_stand_last", lambda right: right.replace(HTML, b"").replace(b"<p>", HTML + b"<p>"), original=PAGE_ONLY),
    Broken("in a script", "html_footers_are_seen", lambda right: right.replace(HTML, b"").replace(b"</script>", HTML + b"</script>"), original=PAGE_ONLY.replace(b"</body>", b"<script>//</script></body>")),
    Broken("in a comment", "html_footers_stand_last", lambda right: right.replace(HTML, b"").replace(b"<!-- ", b"<!-- " + HTML), original=PAGE_ONLY.replace(b"</body>", b"<!-- x --></body>")),
    Broken("hidden", "html_footers_are_seen", lambda right: right.replace(HTML, b"").replace(b"x</div>", b"x" + HTML + b"</div>"), original=PAGE_ONLY.replace(b"</body>", b"<div style='display : none'>x</div></body>")),
    Broken("in a quotation", "html_footers_stand_free", lambda right: right.replace(HTML, b"").replace(b"</blockquote>", HTML + b"</blockquote>"), original=QUOTED),
    Broken("a placeholder in a link stays", "no_placeholder_is_shown", lambda right: right, original=PAGE_ONLY.replace(b"<p>", b'<p><a href="%7B%7Bunsubscribe_url%7D%7D">x</a>')),
    # wire
    Broken("a broken escape", "encodings_are_valid", made(OURS + QP + PLAIN.replace(b"Tokyo", b"a=b")), original=QP),
    Broken("plain text behind base64", "encodings_are_valid", made(OURS + BASE64 + PLAIN), original=BASE64),
    Broken("base64 joined to base64", "encodings_are_valid", made(OURS + BASE64 + encodebytes(PLAIN).replace(b"\n", b"\r\n")), original=BASE64 if BASE64.rstrip().endswith(b"=") else BASE64.replace(b"Cg==", b"Cg==")),
    Broken("a long line of quoted-printable", "encoded_lines_are_short", made(OURS + QP + PLAIN.replace(b"Tokyo", b"Tokyo" * 20)), original=QP),
    Broken("a soft line break with a space behind", "encoded_lines_are_short", made(OURS + QP + PLAIN.replace(b"Tokyo", b"Tokyo= ")), original=QP),
    Broken("a line of 1200 octets", "lines_are_legal", swap(b"Tokyo", b"Tokyo" * 240)),
    Broken("8-bit octets in a 7bit part", "seven_bit_stays_seven_bit", swap(b'<div lang="en">', "<div>ü".encode())),
    Broken("a bare LF", "no_bare_line_ends", swap(b"Tokyo\r\n", b"Tokyo\n")),
    Broken("a NUL", "no_bare_line_ends", swap(b"Tokyo", b"To\0kyo")),
    Broken("quoted-printable written anew", "untouched_octets_of_a_text_stay", made(OURS + QP.replace(b"Th=C3", b"=54h=C3") + PLAIN.replace(b"=", b"=3D")), original=QP),
    Broken("base64 in lines of another length", "untouched_octets_of_a_text_stay", made(OURS + HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"\r\n".join([encodebytes(b"tea\r\n" * 200 + PLAIN).replace(b"\n", b"")[at : at + 60] for at in range(0, 2000, 60)]).strip() + b"\r\n"), original=BASE64),
    Broken("signed and then changed", "signatures_cover_what_goes_out", lambda right: DKIM % b"x" + right),
    Broken("not signed", "signatures_cover_what_goes_out", lambda right: right, promise=replace(PROMISE, signed=True)),
]  # fmt: skip


RIGHT: Final = {
    "mixed": (MIXED, rewritten()),
    "japanese": (JIS, OURS + JIS + JIS_FOOTER),
    "flowed": (FLOWED, OURS + FLOWED + PLAIN),
    "quoted-printable": (QP, OURS + QP + PLAIN),
    "latin-1": (LATIN, OURS + LATIN + PLAIN),
    "html": (PAGE_ONLY, rewritten(PAGE_ONLY)),
    "quoted html": (QUOTED, rewritten(QUOTED)),
    "a template that says a part": (
        TEMPLATE,
        OURS + TEMPLATE.replace(b"{{unsubscribe_url}}", LINK.encode()).replace(b"{{ sender }}", b"Brand") + PLAIN,
    ),
    "an old footer is replaced": (FORWARD, OURS + FORWARD.replace(b"k1.elses", b"k1.token")),
    "no final line end": (single(b"", b"tea"), OURS + single(b"", b"tea\r\n") + PLAIN),
    "a template that says all": (
        TEMPLATE,
        OURS + TEMPLATE.replace(b"{{unsubscribe_url}}", LINK.encode()).replace(b"{{ sender }}", b"Brand"),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rewriting_passes(name: str) -> None:
    original, result = RIGHT[name]
    assert words(violations(original, result, PROMISE)) == ""


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: one.name)
def test_what_breaks_a_message_is_found(broken: Broken) -> None:
    result = broken.result(rewritten(broken.original))
    found = violations(broken.original, result, broken.promise)
    assert broken.rule in {one.rule for one in found}, words(found) or "nothing was found"


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one.__name__)
def test_each_rule_says_what_it_wants_and_is_broken_by_some_case(rule: Callable[..., object]) -> None:
    assert rule.__doc__
    assert rule.__name__ in {broken.rule for broken in BROKEN}
