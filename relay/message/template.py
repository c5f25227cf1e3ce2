"""Templates of a footer: a small part of Jinja2 that always ends, always escapes, and can only show what it is given.

Text, `{{ name }}`, `{{ name | link }}`, `{{ name | link("words") }}` and `{% if ... %}` with and, or, not, == and
choices (`a if b else c`), no more: no loops, calls, assignments, imports. `problem_of` says what is not part of that;
a source has to pass it before it is compiled, because compiling already computes what can be computed.

A line of nothing but `{% ... %}` leaves no line behind.
"""

from __future__ import annotations

import re
from typing import Final

from jinja2 import Template
from jinja2.environment import Environment
from jinja2.runtime import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

#: Stands for the unsubscribe link, the one thing that differs from reader to reader; no value can contain it.
LINK: Final = "\0"

_URL: Final = re.compile(r"https?://[!-;=?-~]{1,900}")
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$&*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
#: Escaped and in its attribute a link still fits into one line of mail.
_MAX_HREF: Final = 900
#: Links look like the text around them, underlined: a blue that nobody chose cannot be read on every ground.
_A: Final = Markup('<a href="{}" style="color:inherit;background:none;font:inherit;text-decoration:underline">{}</a>')
_TAGS: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}")


def compiled(source: str, *, html: bool) -> Template:
    """Raises jinja2.TemplateSyntaxError for what is no template; see `problem_of`."""
    return environment(html=html).from_string(with_line_ends(source))


def environment(*, html: bool) -> Environment:
    found = ImmutableSandboxedEnvironment(
        autoescape=html,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    found.filters.clear()
    found.tests.clear()
    found.globals.clear()
    found.filters["link"] = html_link if html else plain_link
    return found


def with_line_ends(source: str) -> str:
    """trim_blocks takes the line end after every tag; `+` keeps it where the line says something besides tags."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if line.endswith(("%}", "#}")) and line[-3] not in "+-" and _TAGS.sub("", line).strip():
            lines[number] = f"{line[:-2]}+{line[-2:]}"
    return "\n".join(lines)


def plain_link(value: str, _words: str = "") -> str:
    return value


def html_link(value: str, words: str = "") -> Markup:
    """A value as a link where it can be one: http, https, a mail address. Never javascript: or data:."""
    if value == LINK or _URL.fullmatch(value):
        href = escape(value)
    elif _MAIL.fullmatch(value):
        href = escape(f"mailto:{value}")
    else:
        href = Markup("")
    if not href or len(href) > _MAX_HREF:
        return escape(value)
    return _A.format(href, words or value)
