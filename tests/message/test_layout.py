from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from relay.message.items import REQUIRED
from relay.message.layout import Gap, Layout, Spot, html_layout, plain_layout
from relay.message.own_footer import HTML_BEGIN, HTML_END, PLAIN_RULE
from relay.message.placeholders import Fill

LINK = "https://mail.example/u/k1abcd" + "A" * 128
OWN = f"{PLAIN_RULE}\r\n{LINK}\r\n{PLAIN_RULE}\r\n"
OWN_HTML = f"{HTML_BEGIN}\r\n<div>{LINK}</div>\r\n{HTML_END}\r\n"
ALL_SAID = "".join(f"{{{{{name}}}}} " for name in sorted(REQUIRED))


def plain(text: str, *, flowed: bool = False, literals: Mapping[str, Collection[str]] | None = None) -> Layout:
    return plain_layout(text.encode(), lambda: text, literals or {}, flowed=flowed)


def html(page: str) -> Layout:
    layout = html_layout(page.encode(), lambda: page, {})
    assert isinstance(layout, Layout), layout
    return layout


def shape(text: str, layout: Layout) -> str:
    """The text with what becomes of it: [a placeholder], | for the footer, - for what goes."""
    out, position = "", 0
    for one in layout.pieces:
        out += text[position : one.start]
        if isinstance(one, Spot):
            out += one.before + "|"
        elif isinstance(one, Gap):
            out += "-"
        elif isinstance(one, Fill):
            out += f"[{one.name}]"
        position = one.end
    return out + text[position:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "\n|"),
        ("tea\r\n", "tea\r\n\n|"),
        ("tea", "tea\n\n|"),
        (f"tea\r\n\r\n{OWN}", "tea\r\n\r\n|"),
        (f"tea\r\n\r\n{OWN}\r\n{OWN}bye", "tea\r\n-\r\n|bye"),
        (f"a\r\n\r\n{OWN}b\r\n\r\n\r\n{OWN}", "a\r\n-b\r\n\r\n\r\n|"),
        (f"a\r\n{OWN}b\r\n{OWN}", "a\r\n-b\r\n|"),
        ("tea {{why}}", "tea [why]\n\n|"),
        ("tea\r\n{{footer}}\r\nbye", "tea\r\n|bye"),
        ("tea {{footer}} bye", "tea \n| bye"),
        ("{{why}}{{footer}}", "[why]\n|"),
        ("a {{footer}}\r\n{{footer}}\r\nb", "a \n|-b"),
        (f"a\r\n{{{{footer}}}}\r\nb\r\n\r\n{OWN}", "a\r\n|b\r\n-"),
        (OWN.replace(PLAIN_RULE + "\r\n" + LINK, PLAIN_RULE + "\r\n{{why}} " + LINK), "|"),
    ],
)
def test_plain_text_is_laid_out(text: str, expected: str) -> None:
    assert shape(text, plain(text)) == expected


def test_flowed_lines_do_not_run_into_the_footer() -> None:
    assert shape("x", plain("tea \r\n{{footer}}\r\n", flowed=True)).endswith("\n|")
    assert shape("tea {{footer}}", plain("tea {{footer}}", flowed=True)) == "tea \n\n|"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<body>tea</body>", "<body>tea\n|</body>"),
        (f"<body>tea\r\n{OWN_HTML}</body>", "<body>tea\r\n|</body>"),
        (f"<body>tea{OWN_HTML}<p>bye</body>", "<body>tea\n|<p>bye</body>"),
        (f"<body>a{OWN_HTML}b{OWN_HTML}</body>", "<body>a-b\n|</body>"),
        (f"<body>a<div hidden>{OWN_HTML}</div></body>", "<body>a<div hidden>-</div>\n|</body>"),
        (f"<body>a</body>{OWN_HTML}", "<body>a\n|</body>-"),
        ("<td>{{footer}}</td>", "<td>\n|</td>"),
        ("<body>a</body>{{footer}}", "<body>a\n|</body>-"),
        ("<td>{{footer}}</td><p>{{footer}}", "<td>\n|</td><p>-"),
        (f"<td>{{{{footer}}}}</td>{OWN_HTML}", "<td>\n|</td>-"),
        ("<p>{{why}}</body>", "<p>[why]\n|</body>"),
        ("<div hidden>{{footer}}</div></body>", "<div hidden>{{footer}}</div>\n|</body>"),
    ],
)
def test_html_is_laid_out(page: str, expected: str) -> None:
    assert shape(page, html(page)) == expected


def test_what_is_said_is_counted() -> None:
    assert plain("{{why}}").said == {"why"}
    assert plain(ALL_SAID).said >= REQUIRED
    assert html(ALL_SAID).said >= REQUIRED
    assert plain("{{footer}}").said == set()
    assert plain("{{footer}}").whole


def test_literals_count_only_beside_a_placeholder() -> None:
    literals = {"sender": ("Brand",)}
    assert plain("Brand", literals=literals).said == set()
    assert plain("Brand {{footer}}", literals=literals).said == set()
    assert plain("Brand {{why}}", literals=literals).said == {"why", "sender"}


def test_where_nothing_would_be_seen_the_mailer_has_to_say_it_all() -> None:
    page = f"<div>{ALL_SAID}</div><frameset>"
    assert "|" not in shape(page, html(page))
    assert html_layout(b"{{why}}<frameset>", str, {}) == "HTML with a <frameset>"


def test_the_way_back_to_ascii_is_no_text_on_a_line() -> None:
    for view in (b"<p>xx\r\n\x1b(B", b"<p>xx\r\n"):
        layout = html_layout(view, lambda: "", {})
        assert isinstance(layout, Layout)
        assert [one.before for one in layout.pieces if isinstance(one, Spot)] == [""]


def test_a_page_of_endless_tags_is_not_read() -> None:
    page = b"<p>" * 400_000
    assert not isinstance(html_layout(page, lambda: "", {}), str)
    assert html_layout(page + b"<p>", lambda: "", {}) == "HTML with more tags than any letter has"
