"""[footer.LANG]: a stream's own words for its footer, looked at as the footer will use them.

Pure: `files` reads the templates that a policy file names. What a template may say, `relay.message` knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from relay.config.mistakes import Mistake, one_of
from relay.config.toml import Document, Problem, ProblemsError
from relay.message.language import DEFAULT_LANGUAGE, nearest
from relay.message.wording import WORDINGS, Wording
from relay.message.wording_check import problems
from relay.policy.message_values import read_day, read_file_name, read_sentence
from relay.policy.model import FooterWords
from relay.policy.values import LANGUAGE

#: Octets of a template file; the built-in ones have about 1,500.
MAX_TEMPLATE: Final = 64 * 1024
#: How a day is written in a language that is not built in, where the policy does not say: 2026-11-22.
DATE: Final = "{year}-{month:02}-{day:02}"
#: The keys of [footer.LANG], and how each is read.
_READ: Final[Mapping[str, Callable[[object], str]]] = MappingProxyType(
    {"text": read_file_name, "html": read_file_name, "why": read_sentence, "date": read_day}
)
#: The keys that name a file; and what a language that is not built in has to bring, with an example.
_FILES: Final = ("text", "html")
_NEEDED: Final = MappingProxyType(
    {"text": '"footers/{}.txt"', "html": '"footers/{}.html"', "why": '"{{{{ sender }}}} sends ..."'}
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Template:
    """A file that [footer.LANG] names. file: as problems name it. text: its lines end in LF, the last one too."""

    file: str
    text: str


#: What was read, by language tag and key ("fr", "html").
Templates = Mapping[tuple[str, str], Template]


def named_templates(document: Document) -> Iterator[tuple[str, str, str]]:
    """Language tag, key and file name of every template; what cannot be a name is told of elsewhere."""
    for tag, table in _tables(document):
        for key, name in _readable(table).items():
            if key in _FILES:
                yield tag, key, name


def template_from(file: str, content: bytes) -> Template:
    """Raises ProblemsError."""
    if len(content) > MAX_TEMPLATE:
        wrong = f"is larger than {MAX_TEMPLATE} octets"
        raise ProblemsError([Problem(file, 0, "", wrong, "shorten it: it stands below each mail")])
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = "there are bytes that are not UTF-8"
        raise ProblemsError([Problem(file, line, "", wrong, "save the file as UTF-8")]) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise ProblemsError([Problem(file, line, "", "there is a control character", "take it out")])
    return Template(file, text.rstrip("\n") + "\n")


def check_footers(document: Document, templates: Templates) -> Iterator[Problem]:
    """templates: those that could be read; the others have been told of."""
    taken: dict[str, str] = {}
    for tag, table in _tables(document):
        here = ("footer", tag)
        if not table:
            yield document.problem(here, "says nothing", f"write {one_of(list(_READ))}, or take it out")
            continue
        if tag.lower() in taken:
            wrong = f"is the same language as [footer.{taken[tag.lower()]}], capitals do not matter"
            yield document.problem(here, wrong, "keep one of them")
        taken.setdefault(tag.lower(), tag)
        for key, example in _NEEDED.items():
            if not nearest(tag, WORDINGS) and key not in table:
                wrong = f"has no {key}, and no words are built in for this language"
                yield document.problem(here, wrong, f"write {key} = {example.format(tag)}")
        yield from _unusable(document, tag, _readable(table), templates)


def footer_words(document: Document, templates: Templates) -> dict[str, FooterWords]:
    """By language tag. document, templates: without problems."""
    found: dict[str, FooterWords] = {}
    for tag, table in _tables(document):
        values = _readable(table)
        found[tag] = FooterWords(
            text=templates[tag, "text"].text if "text" in values else "",
            html=templates[tag, "html"].text if "html" in values else "",
            why=values.get("why", ""),
            date=values.get("date", ""),
            text_file=values.get("text", ""),
            html_file=values.get("html", ""),
        )
    return found


def wordings(footers: Mapping[str, FooterWords]) -> dict[str, Wording]:
    """A stream's own words, completed by the built-in ones, as the footer wants them."""
    return {tag: _completed(tag, {key: getattr(words, key) for key in _READ}) for tag, words in footers.items()}


def _completed(tag: str, own: Mapping[str, str]) -> Wording:
    """own: by key of [footer.LANG], "" where there is none."""
    builtin = nearest(tag, WORDINGS)
    words = WORDINGS[builtin] if builtin else replace(WORDINGS[DEFAULT_LANGUAGE], date=DATE, months=())
    return Wording(
        plain=own.get("text") or words.plain,
        html=own.get("html") or words.html,
        why=own.get("why") or words.why,
        date=own.get("date") or words.date,
        months=words.months,
    )


def _unusable(document: Document, tag: str, values: Mapping[str, str], templates: Templates) -> Iterator[Problem]:
    """What could not be read stays the built-in words here: so what is wrong in one file hides nothing of another."""
    own = {key: value for key, value in values.items() if key not in _FILES}
    own |= {key: templates[tag, key].text for key in _FILES if (tag, key) in templates}
    for problem in problems(_completed(tag, own)):
        wrong, _, instead = problem.what.partition("; ")
        template = templates.get((tag, problem.where))
        if template is not None:
            yield Problem(template.file, problem.line, "", wrong, instead)
        else:
            yield document.problem(("footer", tag, problem.where), wrong, instead)


def _readable(table: Mapping[str, Any]) -> dict[str, str]:
    """The keys whose values can be read."""
    found: dict[str, str] = {}
    for key, read in _READ.items():
        if key in table:
            try:
                found[key] = read(table[key])
            except Mistake:
                continue
    return found


def _tables(document: Document) -> list[tuple[str, Mapping[str, Any]]]:
    value = document.data.get("footer")
    tables = value.items() if isinstance(value, dict) else ()
    return [(tag, table) for tag, table in tables if isinstance(table, dict) and LANGUAGE.fullmatch(tag)]
