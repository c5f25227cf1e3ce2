from __future__ import annotations

import html
import re
import time
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.html_end import footer_place
from relay.message.html_sight import Sight

MARK = b"<div>THE FOOTER</div>"


def with_mark(page: bytes) -> bytes:
    place = footer_place(page)
    assert isinstance(place, int), place
    return page[:place] + MARK + page[place:]


@pytest.mark.parametrize(
    "page",
    [
        b"<html><body><p>tea|</body></html>",
        b"<HTML><BODY>tea|</BODY ></HTML>",
        b"<html><body>tea|</html>",
        b"<p>tea|",
        b"|",
        b"<html><body>tea<!-- </body> -->|</body></html><!-- </body> -->",
        b"<!--[if mso]></body><![endif]--><body>tea|</body>",
        b"<![if !mso]><body>tea|</body><![endif]>",
        b"<body><script>'</body>'</script>tea|</body>",
        b"<head><style></body></style><title></body></title></head><body>tea|</body>",
        b'<body><img alt="</body>">tea|</body>',
        b"<body><img alt='</body>' title=it's>tea|</body>",
        b"<body>one</body><p>two|</body></html>",
        b"<body>1 < 2 <5|</body>",
        b"<body><textarea></body></textarea>|</body>",
        b"<body><!--> tea|</body>",
        b"<body><div style='display:none'>pre<div>header</div></div>tea|</body>",
        b"<body><p hidden>x</p><br style='display:none'>tea|</body>",
        b"<body><template></body></template>tea|</body>",
        b"<body><? </body> >tea|</body>",
        b"<body>tea|<!-- never closed </body>",
        b"<body>tea|</body></html><!-- never closed",
        b"<body>tea |<a href='never closed </body>",
        b"<body>tea|<script>never closed </body>",
        b"tea|<plaintext>more",
        b"<body>tea|</",
        b"tea|<b",
        b"</body><body>tea|",
        b"<html><body>one</body></html><html><body>two|</html>",
        b"<body>tea|</body></html><p>a line of a mailing list",
        b"<body>tea|<div style='display: none'>never ended</body>",
        b'<body>tea|<div style="font-size:0px">never ended',
        b"<body>tea|<select><option>x</body>",
        b"<body>tea|<noscript><img></body>",
        b"<body>|<div style='display:none'>preheader <p>tea</p></body>",
        b"<body><p style='display:none'>preheader<div>tea</div>|</body>",
        b"<body><table><tr><td><span hidden>x</td></tr></table>tea|</body>",
        b"<body><div><span hidden>x</div>tea|</body>",
        b"<body><ul><li hidden>x<li>y</ul>tea|</body>",
        b"<body><table><tr hidden><td>x<tr><td>y</table>tea|</body>",
        b"<body>tea|<b style='display:none'><div>x</div></body>",
    ],
)
def test_the_footer_goes_where_the_bar_stands(page: bytes) -> None:
    assert footer_place(page.replace(b"|", b"")) == page.index(b"|")


@pytest.mark.parametrize(
    "page",
    [
        b"<frameset><frame></frameset>",
        b"<body hidden>tea</body>",
        b"<html style='display:none'><div hidden><body>tea</body>",
        b"<div hidden><body>tea</body>",
    ],
)
def test_where_nobody_would_see_it_there_is_no_place(page: bytes) -> None:
    assert isinstance(footer_place(page), str)


_TOKENS = [
    "<html>", "<body>", "</body>", "</html>", "<head>", "</head>", "<!--", "-->", "<p>", "</p>", "text", "<", ">", '"', "'",
    "<script>", "</script>", "<style>", "</style>", "<title>", "</title>", "<a href=", "<div>", "</div>", "<br>", "</", "=", " ",
    "<div style='display:none'>", "<!doctype html>", "<![endif]-->", "<!--[if mso]>", "<textarea>", "</textarea>", "<table>", "<td>",
    "<p hidden>", "<span hidden>", "</span>", "<tr>", "</td>", "</tr>", "</table>", "<ul>", "<li hidden>", "</ul>", "<b>", "</b>",
    "<td style='font-size:0'>", "<noscript>", "</noscript>", "<center>", "</center>", "<blockquote>", "</blockquote>", "<form>",
]  # fmt: skip


@given(st.lists(st.sampled_from(_TOKENS), max_size=25).map("".join))
def test_what_is_inserted_is_seen_in_the_eyes_of_an_html5_parser(page: str) -> None:
    place = footer_place(page.encode())
    if isinstance(place, str):
        return
    document = html5lib.parse(page[:place] + MARK.decode() + page[place:], namespaceHTMLElements=False)
    parents = {child: parent for parent in document.iter() for child in parent}
    [element] = [one for one in document.iter() if isinstance(one.tag, str) and "THE FOOTER" in (one.text or "")]
    tags = []
    while element is not None:
        values = "".join([f' {name}="{value}"' for name, value in element.attrib.items()])
        assert not Sight().hides(element.tag.encode(), values.encode()), element.tag
        tags.append(element.tag)
        element = parents.get(element)
    assert "body" in tags
    assert "head" not in tags


Tree = tuple[str, str, "list[Tree]", str]


def tree(page: str) -> Tree:
    """Without the footer, and without the white space at the ends of texts."""

    def of(element: Element) -> Tree:
        texts = [element.text or ""]
        children: list[Tree] = []
        for child in element:
            if child.get("id") == "ours":
                texts[-1] += child.tail or ""
            else:
                children.append(of(child))
                texts.append(child.tail or "")
        names = "".join(f" {name}={value}" for name, value in element.attrib.items())
        return f"{element.tag}{names}", texts[0].strip(), children, "|".join(one.strip() for one in texts[1:])

    return of(html5lib.parse(page, namespaceHTMLElements=False))


@given(st.lists(st.sampled_from(_TOKENS), max_size=25).map("".join))
def test_without_the_footer_the_page_is_what_it_was(page: str) -> None:
    place = footer_place(page.encode())
    if isinstance(place, str) or not re.fullmatch(r"(?:\s|</body>|</html>)*", page[place:]):
        return
    assert tree(page[:place] + "<div id='ours'>x</div>" + page[place:]) == tree(page)


def test_time_is_linear() -> None:
    hostile = [
        b"<" * 300_000,
        b"<!" * 300_000,
        b"</a" * 200_000,
        b"<a " * 200_000,
        b"<a =" * 200_000,
        b"<a='" * 200_000,
        b"<!--" * 200_000,
    ]
    hostile += [
        b"<b>" * 200_000,
        b"<div hidden>" + b"<b>" * 50_000 + b"</i>" * 50_000,
        b"<div hidden><p hidden></div>" + b"<object><b>" * 20_000 + b"</b></td>" * 20_000,
        b"<svg/>" * 100_000,
        b"<script>" * 100_000,
        b"<div style='display:none'>" * 30_000,
        b"<a " + b"= " * 300_000,
        b"<p" + b"\t" * 500_000,
    ]
    for page in hostile:
        started = time.process_time()
        footer_place(page)
        assert time.process_time() - started < 10, page[:10]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(page: bytes) -> None:
    place = footer_place(page)
    assert isinstance(place, str) or 0 <= place <= len(page)


def test_marks_are_not_escaped_by_accident() -> None:
    assert html.unescape(with_mark(b"<body></body>").decode()) == "<body><div>THE FOOTER</div></body>"
