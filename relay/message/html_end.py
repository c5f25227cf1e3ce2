"""Where in an HTML part the footer goes: before the last real </body>, else before the last </html>, else at the end.

Reads tokens as the HTML standard does (section 13.2.5), as far as it takes to tell a real end tag from one inside a
comment, a conditional comment, an attribute, a script or a style. Works on octets; `ascii_view` has masked what is not
ASCII. When what stands there would not be seen, there is no place, and the reason is said.
"""

from __future__ import annotations

import re
from typing import Final

# An attribute's value may hold ">" only in quotes, and only a quote after "=" opens one. Repeated groups are never
# possessive here: Python before 3.11.5, which Debian 12 has, goes on at the wrong place after them (gh-106052).
_TAG: Final = re.compile(
    rb"""<(/?)([a-zA-Z][^\s/>]*+)([^>=]*+(?:=\s*+(?:"[^"]*+"|'[^']*+'|(?!["']))[^>=]*+){0,1000})>""",
    re.DOTALL,
)
#: Their content is text, whatever it looks like.
_RAW: Final = frozenset({b"script", b"style", b"textarea", b"title", b"xmp", b"noembed", b"noframes", b"iframe"})
_RAW_END: Final = {name: re.compile(rb"</" + name + rb"(?=[\s/>])", re.IGNORECASE) for name in _RAW}
#: What stands inside is not shown as text of the message.
_SWALLOWING: Final = frozenset(
    {b"template", b"select", b"svg", b"math", b"object", b"audio", b"video", b"canvas", b"noscript", b"button"}
)
#: The "<" of what may matter: not of a lower-case tag without attributes that says nothing of the end. Most are such.
_NOTABLE: Final = re.compile(
    rb"<(?!/?+(?!(?:body|html|head|plaintext|frameset|"
    + b"|".join(sorted(_RAW | _SWALLOWING))
    + rb")>)[a-z][a-z0-9]*+>)"
)
#: An end tag without a name is a comment; "</" or a tag at the end of the text swallows what is put behind it.
_BOGUS_END: Final = re.compile(rb"</[^a-zA-Z]")
_UNCLOSED: Final = re.compile(rb"<(?:/?[a-zA-Z]|/\Z)")
_COMMENT_END: Final = re.compile(rb"--!?>")
_HIDING: Final = re.compile(
    rb"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|max-height\s*:\s*0(?:px)?\s*[;\"']"
    rb"|opacity\s*:\s*0(?![.\d]*[1-9])|mso-hide\s*:\s*all|\shidden(?=[\s=/]|$)",
    re.IGNORECASE,
)
_VOID: Final = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())


def footer_place(view: bytes) -> int | str:
    """The offset for the footer, or why there is none."""
    scan = _Scan()
    problem = scan.read(view)
    if problem:
        return problem
    if scan.body_end >= 0:
        place, hidden = scan.body_end, scan.hidden_at_body_end
    elif scan.html_end >= 0:
        place, hidden = scan.html_end, scan.hidden_at_html_end
    else:
        place, hidden = len(view), scan.hidden
    if hidden:
        return f"HTML whose end lies inside <{hidden.decode('latin-1')[:20]}>"
    if place < scan.begins:
        return "HTML that ends before it begins"
    return place


class _Scan:
    """One pass over the tokens. hidden: the element that swallows or hides what stands here, b"" for none."""

    def __init__(self) -> None:
        self.body_end = -1
        self.html_end = -1
        self.begins = -1
        self.hidden = b""
        self.hidden_at_body_end = b""
        self.hidden_at_html_end = b""
        self._level = 0
        self._known: dict[bytes, bool] = {}  # newsletters repeat the same styles

    def read(self, view: bytes) -> str:
        """Reads all tokens. Returns why the end of the text is no place for text, "" when it is one."""
        position, end_of_text = self._next(view, 0), len(view)
        while position < end_of_text:
            found = _TAG.match(view, position)
            if found is None:
                after = _end_of_markup(view, position)
                if after < 0:
                    return "HTML with an unclosed comment or tag"
            else:
                closing, name, attributes = found.groups()
                after = found.end()
                name = name.lower()
                if closing:
                    self._end_tag(name, position)
                elif name in _RAW:
                    end = _RAW_END[name].search(view, after)
                    if end is None:
                        return f"HTML with an unclosed <{name.decode()}>"
                    after = end.start()
                elif name in (b"plaintext", b"frameset"):
                    return f"HTML with a <{name.decode()}>"
                else:
                    self._start_tag(name, attributes, after)
            position = self._next(view, after)
        return ""

    def _next(self, view: bytes, position: int) -> int:
        """Where the next token that matters begins; inside something hidden every tag does."""
        if self.hidden:
            found = view.find(b"<", position)
            return found if found >= 0 else len(view)
        notable = _NOTABLE.search(view, position)
        return len(view) if notable is None else notable.start()

    def _start_tag(self, name: bytes, attributes: bytes, after: int) -> None:
        if name == b"body":
            self.begins = after
        elif self.hidden:
            self._level += name == self.hidden
            return
        if name in _SWALLOWING or (attributes and name not in _VOID and self._hides(attributes)):
            self.hidden, self._level = name, 1

    def _hides(self, attributes: bytes) -> bool:
        known = self._known.get(attributes)
        if known is None:
            known = self._known[attributes] = _HIDING.search(attributes) is not None
        return known

    def _end_tag(self, name: bytes, start: int) -> None:
        if name == b"body":
            self.body_end, self.hidden_at_body_end = start, self.hidden
        elif name == b"html":
            self.html_end, self.hidden_at_html_end = start, self.hidden
        elif name == b"head":
            self.begins = max(self.begins, start)
        if self.hidden and name == self.hidden:
            self._level -= 1
            if not self._level:
                self.hidden = b""


def _end_of_markup(view: bytes, start: int) -> int:
    """After a comment, a declaration or a stray "<" at start; -1 when it never ends."""
    if view.startswith(b"<!--", start):
        if view.startswith((b"<!-->", b"<!--->"), start):
            return view.index(b">", start) + 1
        found = _COMMENT_END.search(view, start + 4)
        return -1 if found is None else found.end()
    if view[start + 1 : start + 2] in (b"!", b"?") or _BOGUS_END.match(view, start):
        return view.find(b">", start) + 1 or -1
    return -1 if _UNCLOSED.match(view, start) else start + 1
