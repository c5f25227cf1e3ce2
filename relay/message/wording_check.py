"""Can these words be used for a footer? Asked when a policy is loaded; says what is wrong, and in which line.

What a footer template can show. Each is one line of text, already escaped where it has to be:

    unsubscribe_url   the address of the reader's own page to stop
    why               the sentence that says why the reader gets the mail (it has a template of its own)
    sender            who sends
    postal_address    the sender's
    contact           for questions and complaints: a URL, a mail address, a telephone number
    privacy_policy    its URL
    consent_date      the day the consent was recorded, "" when unknown
    consent_source    where it was given: a URL or words, "" when unknown
    stop_address      a mail address that takes wishes to stop, "" when there is none
    purpose           what is sent
    audience          to whom, "" when nobody said
    agreed            true where the reader said yes; false for customers and the like, which is no consent
    language          the tag of the template's language
    direction         "rtl" for Arabic, Hebrew and the like, else "ltr"

The template of `why` has all of them but unsubscribe_url and why.

Each of the first nine has to be shown wherever there is one. They are also "" where the mailer's own text says them
already: each stands inside `{% if name %}`, with the words that make no sense without it. `{{ name | link }}` makes a
link of what can be one, `{{ name | link("words") }}` says something else than the address.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import Template, nodes
from markupsafe import Markup

from relay.message.footer_lines import means_something
from relay.message.footer_markup import problem_of
from relay.message.footer_template import LINK, environment, html_link, plain_link, problems_of, with_line_ends
from relay.message.items import ITEMS, OF_WHY
from relay.message.own_footer import PLAIN_RULE
from relay.message.wording import Wording

FOOTER_NAMES: Final = frozenset({*ITEMS, *OF_WHY, "agreed", "language", "direction"})
WHY_NAMES: Final = FOOTER_NAMES - {"unsubscribe_url", "why"}

#: Around the number of the line that wrote what follows; around what the filter `link` wrote.
_MARK: Final = re.compile("\x01([0-9]+)\x02|[\x05\x06]")
_DATE: Final = re.compile(r"\{(?:year|month(?::02)?|day(?::02)?)\}")
_TAG: Final = re.compile(r"<[^>]*>")
_MAX_DATE: Final = 100


@dataclass(frozen=True, slots=True)
class WordingProblem:
    """where: "text", "html", "why" or "date", as in the policy's [footer.LANG]. line: in that template, from 1."""

    where: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.where}, line {self.line}: {self.what}"


def problems(wording: Wording) -> tuple[WordingProblem, ...]:
    """Why these words cannot be used, () when they can: the first problem of each template. Never raises and never hangs."""
    found = (
        _footer_problem(wording.plain, html=False),
        _footer_problem(wording.html, html=True),
        _first("why", _problems_of_why(wording.why)),
        _first("date", _problems_of_date(wording.date, wording.months)),
    )
    return tuple(one for one in found if one is not None)


@lru_cache(maxsize=64)  # it takes 30 ms, and a policy's test reads it more than once
def _footer_problem(source: str, *, html: bool) -> WordingProblem | None:
    return _first("html" if html else "text", _problems_of_footer(source, html=html))


def _first(where: str, found: Iterator[tuple[int, str]]) -> WordingProblem | None:
    return next((WordingProblem(where, line, what) for line, what in found), None)


def _problems_of_date(date: str, months: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    rest = _DATE.sub("", date)
    if "{" in rest or "}" in rest or not date.isprintable() or len(date) > _MAX_DATE:
        yield 1, "write a day with {year}, {month} and {day}, or {month:02} and {day:02} for two digits"
    missing = [name for name in ("year", "month", "day") if f"{{{name}" not in date]
    if missing:
        yield 1, f"{{{missing[0]}}} is missing"
    if months and (len(months) != 12 or not all(months)):
        yield 1, "there are twelve months"


def _problems_of_why(source: str) -> Iterator[tuple[int, str]]:
    yield from problems_of(source, WHY_NAMES, html=False)
    template = _marked(source, html=False)
    for sample in _samples():
        if not _rendered(template, sample).text.strip():
            yield 1, "it says nothing" if sample["agreed"] else "it says nothing where agreed is false"


def _problems_of_footer(source: str, *, html: bool) -> Iterator[tuple[int, str]]:
    """Rendered with all values, with each missing and with each alone: so every pair is there in all combinations."""
    yield from problems_of(source, FOOTER_NAMES, html=html)
    template = _marked(source, html=html)
    judge = _problems_of_html if html else _problems_of_text
    for sample in _samples():
        whole = _rendered(template, sample)
        yield from judge(whole, sample)
        for name in (*ITEMS, "audience"):
            without = {**sample, name: ""}
            rendering = _rendered(template, without)
            if name in ITEMS:
                yield from _left_behind(name, str(sample[name]), whole, rendering)
            yield from judge(rendering, without)
        for name in ITEMS:
            alone = {**sample, **{other: "" for other in ITEMS if other != name}}
            yield from judge(_rendered(template, alone), alone)


def _samples() -> Iterator[dict[str, str | bool]]:
    """Values that are found again in what a template makes of them: such as can be links, and such as cannot."""
    words = {name: f"\ue000{name}\ue001" for name in (*ITEMS, *OF_WHY)}
    links = {
        "contact": "https://contact.invalid/",
        "privacy_policy": "https://privacy.invalid/",
        "consent_source": "https://source.invalid/",
        "stop_address": "stop@address.invalid",
    }
    for agreed in (True, False):
        common = {"unsubscribe_url": LINK, "language": "en", "direction": "ltr" if agreed else "rtl"}
        yield {**words, **common, **links, "agreed": agreed}
        yield {**words, **common, "agreed": agreed}


@dataclass(frozen=True, slots=True)
class _Rendering:
    """What a template made. starts, numbers: from that offset on it is the template's line of that number.
    links: what the filter wrote.
    """

    text: str
    starts: tuple[int, ...]
    numbers: tuple[int, ...]
    links: tuple[tuple[int, int], ...]

    def line(self, offset: int) -> int:
        found = bisect_right(self.starts, offset) - 1
        return self.numbers[found] if found >= 0 else 1

    def link_around(self, offset: int) -> tuple[int, int] | None:
        return next((one for one in self.links if one[0] <= offset < one[1]), None)


def _marked(source: str, *, html: bool) -> Template:
    """The template, made to tell which line of it wrote what."""
    marking = environment(html=html)
    marking.filters["link"] = _marked_html_link if html else plain_link
    tree = marking.parse(with_line_ends(source))
    for data in tree.find_all(nodes.TemplateData):
        pieces = data.data.splitlines(keepends=True)
        data.data = "".join([f"\x01{data.lineno + number}\x02{piece}" for number, piece in enumerate(pieces)])
    return Template.from_code(marking, marking.compile(tree), marking.globals)


def _marked_html_link(value: str, words: str = "") -> Markup:
    return Markup("\x05{}\x06").format(html_link(value, words))


def _rendered(template: Template, sample: Mapping[str, str | bool]) -> _Rendering:
    pieces: list[str] = []
    starts: list[int] = []
    numbers: list[int] = []
    links: list[tuple[int, int]] = []
    marked = template.render(sample)
    position = length = begun = 0
    for mark in _MARK.finditer(marked):
        pieces.append(marked[position : mark.start()])
        length += mark.start() - position
        position = mark.end()
        if mark[1]:
            starts.append(length)
            numbers.append(int(mark[1]))
        elif mark[0] == "\x05":
            begun = length
        else:
            links.append((begun, length))
    return _Rendering("".join([*pieces, marked[position:]]), tuple(starts), tuple(numbers), tuple(links))


def _problems_of_text(found: _Rendering, sample: Mapping[str, str | bool]) -> Iterator[tuple[int, str]]:
    offset = 0
    for line in found.text.split("\n"):
        if means_something(line):
            yield (
                found.line(offset),
                f"mail programs see more than text in a line that begins with {line[:5].strip()!r}",
            )
        if line.strip() == PLAIN_RULE:
            yield found.line(offset), "the rules around the footer are not part of its template"
        for place in re.finditer(LINK, line):
            before, after = line[: place.start()][-1:], line[place.end() :][:1]
            if after and not after.isspace() and (before, after) != ("<", ">"):
                yield (
                    found.line(offset + place.start()),
                    f"{after} right after unsubscribe_url would be taken for a part of it",
                )
        offset += len(line) + 1
    for name in ITEMS:
        if str(sample[name]) not in found.text:
            yield 1, _never(name, sample)


def _problems_of_html(found: _Rendering, sample: Mapping[str, str | bool]) -> Iterator[tuple[int, str]]:
    problem = problem_of(found.text)
    if problem is not None:
        yield found.line(problem[0]), problem[1]
        return
    for tag in _TAG.finditer(found.text):
        name = next((name for name, value in sample.items() if _is_value(name, value) and str(value) in tag[0]), "")
        if name and found.link_around(tag.start()) is None:
            yield found.line(tag.start()), f"{name} inside a tag; links are written {{{{ {name} | link }}}}"
    shown = _TAG.sub("", found.text)
    for name in ITEMS:
        value = str(sample[name])
        if name == "unsubscribe_url":
            is_there = not value or f'href="{value}"' in found.text
        else:
            is_there = value in shown or any(value in found.text[start:end] for start, end in found.links)
        if not is_there:
            yield 1, _never("a link to unsubscribe_url" if name == "unsubscribe_url" else name, sample)


def _is_value(name: str, value: str | bool) -> bool:
    return bool(value) and name not in ("agreed", "language", "direction", "unsubscribe_url")


def _never(name: str, sample: Mapping[str, str | bool]) -> str:
    missing = [other for other in ITEMS if not sample[other]]
    if missing:
        where = f"where there is no {missing[0]}" if len(missing) == 1 else "where there is nothing else"
    else:
        where = "" if sample["agreed"] else "where agreed is false"
    return f"{name} is not shown {where}".rstrip()


def _left_behind(name: str, value: str, whole: _Rendering, without: _Rendering) -> Iterator[tuple[int, str]]:
    """Words around a value that stay when the value goes: `Contact:` and nothing more."""
    pieces: list[str] = []
    words = ""
    position, first = 0, -1
    while (at := whole.text.find(value, position)) >= 0:
        start, end = whole.link_around(at) or (at, at + len(value))
        words += whole.text[whole.text.rfind("\n", 0, start) + 1 : start] + whole.text[end:].partition("\n")[0]
        pieces.append(whole.text[position:start])
        first = start if first < 0 else first
        position = end
    if words.strip() and "".join([*pieces, whole.text[position:]]) == without.text:
        yield whole.line(first), f"what stands around {name} stays where there is none: {{% if {name} %}} is missing"
