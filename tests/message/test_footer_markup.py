from __future__ import annotations

from typing import Any, TypeAlias

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer_markup import problem_of


@pytest.mark.parametrize(
    "markup",
    [
        "words &amp; more",
        "<p>one<br>two<br/>three</p>",
        '<div lang="ja" dir="ltr" style="margin:0"><p>a <a href="https://x.example/">b</a></p></div>',
        '<a href="\0">stop</a> <a href="mailto:a@x.example">b</a> <a href="tel:+81312345678">c</a>',
        '<table role="presentation" width="100%"><tr><td align="center">x</td></tr></table>',
        "<ul><li>x<ul><li>y</li></ul></li></ul>",
        "<dl>\n<dt>x</dt>\n<dd>y</dd>\n</dl>",
        '<div style="color:#222;background-color:#fff"><p style="color:#333">x</p></div>',
        '<p style="color:inherit;background:none;line-height:1.6;text-transform:none;border-color:red">x</p>',
        "<B>x</b>",
    ],
)
def test_what_stands_anywhere_is_accepted(markup: str) -> None:
    assert problem_of(markup) is None


@pytest.mark.parametrize(
    ("markup", "at", "words"),
    [
        ("<p>x", 0, "<p> is never closed"),
        ("x</p>", 1, "</p> where nothing is open"),
        ("<b><i>x</b></i>", 7, "</b> where <i> is open"),
        ("<p>x</p >", 4, ""),
        ("<div/>", 0, "<div/> does not close itself"),
        ("x<!-- y -->", 1, "a comment"),
        ("<!DOCTYPE html>", 0, "no tag that"),
        ("<script>x</script>", 0, "<script> has no place"),
        ("<style>p{}</style>", 0, "<style> has no place"),
        ("<html><body>x</body></html>", 0, "<html> has no place"),
        ("</body>", 0, "</body> where nothing is open"),
        ('<img src="https://x.example/pixel">', 0, "<img> has no place"),
        ("<form>x</form>", 0, "<form> has no place"),
        ('<p onclick="x">y</p>', 0, "the attribute onclick"),
        ('<p class="x">y</p>', 0, "the attribute class"),
        ('<p hidden="">y</p>', 0, "the attribute hidden"),
        ("<p hidden>y</p>", 0, "no tag that"),
        ("<p style='margin:0'>y</p>", 0, "no tag that"),
        ('<p lang="a" LANG="b">y</p>', 0, "the attribute lang twice"),
        ('<p style="display : none">y</p>', 0, "the style 'display : none'"),
        ('<p style="background:url(https://x.example)">y</p>', 0, "the style 'url('"),
        ('<p style="position:fixed">y</p>', 0, "the style 'position:'"),
        ('<p style="font-size:0">y</p>', 0, "the style 'font-size:0'"),
        ('<p style="color:#999">y</p>', 0, "a colour without"),
        ('<p style="background:#fff">y</p>', 0, "a colour without"),
        ('<font color="red">y</font>', 0, "a colour without"),
        ('<a href="javascript:x">y</a>', 0, "a link to something else"),
        ('<a href="/x">y</a>', 0, "a link to something else"),
        ('<a href="">y</a>', 0, "a link to something else"),
        ('<a title="x">y</a>', 0, "<a> without href"),
        ('<a href="https://x">y<a href="https://y">z</a></a>', 21, "<a> inside <a>"),
        ("<p><div>x</div></p>", 3, "<div> inside <p>, which it would end"),
        ("<p><b><table></table></b></p>", 6, "<table> inside <p>"),
        ("<table>x<tr></tr></table>", 7, "text directly inside <table>"),
        ("<table><tr><p>x</p></tr></table>", 11, "<p> directly inside <tr>"),
        ("<tr><td>x</td></tr>", 0, "<tr> directly inside the footer"),
        ("<div><li>x</li></div>", 5, "<li> directly inside <div>"),
        ("a < b", 2, "no tag that"),
        ("a <", 2, "no tag that"),
        ('<p title="a > b">x</p>', 0, "no tag that"),
    ],
)
def test_what_does_not_is_said_with_its_place(markup: str, at: int, words: str) -> None:
    found = problem_of(markup)
    if not words:
        assert found is None
        return
    assert found is not None
    assert (found[0], found[1][: len(words)]) == (at, words)


Tree: TypeAlias = "str | tuple[str, list[Tree]]"
_NAMES = st.sampled_from("p div b a ul li table tbody tr td h1 i dl dt dd span center font address".split())
_TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(["x", " ", ("br", [])]), lambda inner: st.tuples(_NAMES, st.lists(inner, max_size=3)), max_leaves=12
)


def written(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    name, inner = tree
    attribute = ' href="https://x.example/"' if name == "a" else ""
    return f"<{name}{attribute}>{''.join(map(written, inner))}" + ("" if name == "br" else f"</{name}>")


def read(element: Any) -> list[Any]:
    """Names and text in order. Parsers put rows into a tbody that nobody wrote: it is left out."""
    found: list[Any] = [element.text or ""]
    for child in element:
        found += read(child) if child.tag == "tbody" else [(child.tag, read(child))]
        found.append(child.tail or "")
    return found


def meant(tree: Tree) -> list[Any]:
    if isinstance(tree, str):
        return [tree]
    name, inner = tree
    content = [one for child in inner for one in meant(child)]
    return content if name == "tbody" else [(name, content)]


def flat(found: list[Any]) -> str:
    """Without the borders between pieces of text, and without white space."""
    said = [one if isinstance(one, str) else f"<{one[0]}>{flat(one[1])}</>" for one in found]
    return "".join(said).replace(" ", "")


@given(st.lists(_TREES, max_size=3))
def test_what_it_accepts_every_parser_reads_as_it_is_written(trees: list[Tree]) -> None:
    markup = "".join(map(written, trees))
    if problem_of(markup) is None:
        page = html5lib.parse(f"<body><section>{markup}<hr></section></body>", namespaceHTMLElements=False)
        (section,) = page.iter("section")
        assert flat(read(section)) == flat([one for tree in trees for one in meant(tree)]) + "<hr></>"


@given(st.text(st.sampled_from("<>/ap =\"'b!-x&;\0"), max_size=40))
def test_no_text_makes_it_raise(markup: str) -> None:
    problem_of(markup)
