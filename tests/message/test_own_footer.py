from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.own_footer import HTML_BEGIN, HTML_END, PLAIN_RULE, OwnFooter, masked, own_in_html, own_in_plain

TOKEN = "k1abcd" + "A" * 128
LINK = f"https://mail.example/u/{TOKEN}"
PLAIN = f"{PLAIN_RULE}\r\nWhy: tea\r\n{LINK}\r\n{PLAIN_RULE}\r\n"
MARKUP = f'{HTML_BEGIN}\r\n<div><p>Why: tea<p><a href="{LINK}">Stop</a></div>\r\n{HTML_END}\r\n'


def in_plain(text: str) -> list[str]:
    return [text[one.start : one.end] for one in own_in_plain(text.encode("latin-1"))]


def in_html(page: str) -> list[str]:
    view = page.encode("latin-1")
    place = page.find("</body>") if "</body>" in page else len(page)
    return [page[one.start : one.end] for one in own_in_html(view, place)]


def test_the_marks_are_short_ascii_and_differ() -> None:
    marks = {PLAIN_RULE, HTML_BEGIN, HTML_END}
    assert len(marks) == 3
    assert all(mark.isascii() and len(mark) < 70 for mark in marks)


def test_a_plain_footer_is_found_with_both_its_rules() -> None:
    assert in_plain(f"tea\r\n\r\n{PLAIN}bye\r\n{PLAIN}") == [PLAIN, PLAIN]
    assert in_plain(PLAIN.replace("\r\n", "\n")) == [PLAIN.replace("\r\n", "\n")]
    assert in_plain(PLAIN.removesuffix("\r\n")) == [PLAIN.removesuffix("\r\n")]


def test_a_rule_of_the_author_before_it_stays() -> None:
    assert in_plain(f"{PLAIN_RULE}\r\ntea\r\n{PLAIN}") == [PLAIN]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\r\n", "\r\n> ").join(("> ", "")),
        PLAIN.replace("Why", "> Why"),
        PLAIN.replace(TOKEN, "no-token-of-ours"),
        PLAIN.replace("/u/", "/c/"),
        PLAIN.replace(PLAIN_RULE, PLAIN_RULE + "_"),
        PLAIN.replace(PLAIN_RULE, " " + PLAIN_RULE),
        PLAIN.partition("Why")[0] + f"{LINK}\r\n",
        PLAIN.replace("Why", "Why" * 20_000),
    ],
)
def test_a_quotation_or_half_a_footer_is_no_footer_of_ours(text: str) -> None:
    assert in_plain(text) == []


def test_one_that_left_the_link_to_the_mailers_words_is_found_at_the_end() -> None:
    rest = f"{PLAIN_RULE}\r\nQuestions: care@brand.example\r\n{PLAIN_RULE}\r\n"
    assert in_plain(f"Stop: {LINK}\r\n\r\n{rest}") == [rest]
    for other in (f"Stop: {LINK}\r\n{rest}tea\r\n", f"tea\r\n{rest}", f"{LINK}\r\n" + rest.replace("@", " at ")):
        assert in_plain(other) == []


def test_html_footers_are_found_between_their_marks() -> None:
    assert in_html(f"<body>tea{MARKUP}</body>") == [MARKUP]
    assert in_html(f"<div>{MARKUP}<p>{MARKUP}") == [MARKUP, MARKUP]


@pytest.mark.parametrize(
    "page",
    [
        f"<blockquote type=cite>{MARKUP}</blockquote>tea",
        f"<blockquote>{MARKUP}<p>tea</p></blockquote>tea",
        f"<blockquote><blockquote>x</blockquote>{MARKUP}</blockquote>tea",
        f"<!-- {MARKUP.replace('<!--', '<!-').replace('-->', '->')} -->",
        f"<script>{MARKUP}</script>",
        f"<textarea>{MARKUP}</textarea>",
        f'<img alt="{MARKUP.replace(chr(34), "")}">',
        MARKUP.replace("</div>", ""),
        MARKUP.replace("<div>", "</td><div>"),
        MARKUP.replace("<div>", "<div></body>"),
        MARKUP.replace(HTML_END, ""),
        MARKUP.replace(HTML_BEGIN, ""),
        MARKUP.replace("Why", "Why" * 20_000),
    ],
)
def test_quoted_hidden_and_unbalanced_ones_are_not_ours_to_touch(page: str) -> None:
    assert in_html(page) == []


def test_in_html_the_marks_say_enough() -> None:
    without_link = MARKUP.replace(LINK, "https://brand.example/privacy")
    assert in_html(f"<body><a href='{LINK}'>Stop</a>{without_link}</body>") == [without_link]


def test_a_quotation_that_nobody_ended_is_none() -> None:
    assert in_html(f"<blockquote>tea{MARKUP}</body></blockquote>") == [MARKUP]
    assert in_html(f"<blockquote>tea{MARKUP}") == [MARKUP]


def test_one_that_nobody_sees_says_so() -> None:
    page = f"<div style='display:none'>{MARKUP}</div>".encode()
    assert [one.hidden for one in own_in_html(page, len(page))] == [True]


def test_masked_text_keeps_its_length() -> None:
    assert masked(b"tea for two", [OwnFooter(0, 3), OwnFooter(8, 11)]) == b"    for    "


@given(st.lists(st.sampled_from([PLAIN, PLAIN_RULE + "\n", "tea\n", "> ", LINK, "\n"]), max_size=12).map("".join))
def test_plain_footers_never_overlap(text: str) -> None:
    position = 0
    for one in own_in_plain(text.encode()):
        assert position <= one.start < one.end
        position = one.end


@given(
    st.lists(
        st.sampled_from(
            [MARKUP, HTML_BEGIN, HTML_END, "<div>", "</div>", "<blockquote>", "</blockquote>", LINK, "<p>"]
        ),
        max_size=12,
    ).map("".join)
)
def test_html_footers_never_overlap(page: str) -> None:
    view = page.encode()
    position = 0
    for one in own_in_html(view, len(view)):
        assert position <= one.start < one.end
        position = one.end


def test_lines_and_links_without_end_take_no_time() -> None:
    for text in (f"{PLAIN_RULE}\n" * 100_000, f"{LINK}\n{PLAIN_RULE}\nx@y\n" * 20_000, MARKUP * 2_000):
        started = time.process_time()
        own_in_plain(text.encode())
        own_in_html(text.encode(), len(text))
        assert time.process_time() - started < 10


def test_what_stands_below_a_footer_that_lost_its_last_mark_is_not_part_of_it() -> None:
    damaged = PLAIN.removesuffix(f"{PLAIN_RULE}\r\n")
    for between in ("more tea, at length\r\n", "\r\n", "tea\r\n\r\n"):
        view = f"tea\r\n{damaged}{between}{PLAIN}".encode()
        assert [view[one.start : one.end] for one in own_in_plain(view)] == [PLAIN.encode()]


def test_what_stands_below_a_whole_footer_is_not_part_of_it() -> None:
    rest = PLAIN.removeprefix(f"{PLAIN_RULE}\r\n").partition("\r\n")[2]
    view = f"tea\r\n\r\n{PLAIN}{rest}".encode()
    assert [view[one.start : one.end] for one in own_in_plain(view)] == [PLAIN.encode()]
