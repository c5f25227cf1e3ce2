"""The golden messages as a reader finds them that shares no code with the relay or its judge: Perl's MIME::Parser.

What it shows of a copy is what it shows of the original, and the footer; every attachment is there, octet by octet.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest
from rewritten import LINK

_HERE: Final = Path(__file__).parent
_GOLDEN: Final = _HERE.parent / "golden"
_NAMES: Final = sorted(path.name.removesuffix(".out.eml") for path in _GOLDEN.glob("*.out.eml"))
_SECONDS: Final = 150
#: The mailer's own words for what the footer says, or a footer of before: there more changes than one place.
_OWN_WORDS: Final = re.compile(r"\{\{|%7B%7B|_{40}\n|<!--consent-relay:", re.IGNORECASE)
_DATE: Final = "Date"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that holds no others. label: kind, name, disposition, Content-ID. text: "" of what is none."""

    label: tuple[str, ...]
    octets: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    fields: Mapping[str, str]
    leaves: Sequence[Leaf]


@pytest.fixture(scope="module")
def read() -> Mapping[str, Message]:
    """By file name; one process for all."""
    probe = subprocess.run(("perl", "-MMIME::Parser", "-e", "1"), capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("libmime-tools-perl is not installed")
    files = [f"{name}.{side}.eml" for name in _NAMES for side in ("in", "out")]
    result = subprocess.run(
        ("perl", str(_HERE / "read_mime_parser.pl")),
        input="".join(f"{_GOLDEN / file}\n" for file in files).encode(),
        capture_output=True,
        timeout=_SECONDS,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    lines = result.stdout.decode("latin-1").splitlines()
    return dict(zip(files, map(_message, lines), strict=True))


def _message(line: str) -> Message:
    found = json.loads(line)
    return Message(found["fields"], [_leaf(one) for one in found["leaves"]])


def _leaf(found: Mapping[str, Any]) -> Leaf:
    octets = base64.b64decode(found["octets"])
    label = tuple(str(found[key]) for key in ("kind", "name", "disposition", "id"))
    if found["kind"] not in ("text/plain", "text/html"):
        return Leaf(label, octets, "")
    try:
        text = octets.decode(found["charset"] or "utf-8", "backslashreplace")
    except (LookupError, UnicodeError):
        text = octets.decode("latin-1")
    return Leaf(label, octets, text.replace("\r\n", "\n"))


@pytest.mark.parametrize("name", _NAMES)
def test_another_reader_finds_the_message_as_it_was_and_the_footer(read: Mapping[str, Message], name: str) -> None:
    before, after = read[f"{name}.in.eml"], read[f"{name}.out.eml"]
    for field, value in before.fields.items():
        assert after.fields[field] == value or (field == _DATE and not value)
    originals = [one for one in before.leaves if "amp-drop" not in name or one.label[0] != "text/x-amp-html"]
    copies = list(after.leaves)
    if len(copies) > len(originals):
        notice = copies.pop(-1 if LINK in copies[-1].text else 0)
        assert notice.label == ("text/plain", "", "inline", "")
        assert notice.text.count(LINK) == 1
    assert [one.label for one in copies] == [one.label for one in originals]
    for original, copy in zip(originals, copies, strict=True):
        if copy.octets == original.octets:
            continue
        assert original.label[0] in ("text/plain", "text/html")
        assert not original.label[1], "a file was edited"
        if _OWN_WORDS.search(original.text) is None:
            assert _inserted(original.text, copy.text).count(LINK) == 1


@pytest.mark.parametrize("name", [one for one in _NAMES if "transactional" in one])
def test_another_reader_finds_the_body_of_a_transactional_message_untouched(
    read: Mapping[str, Message], name: str
) -> None:
    assert read[f"{name}.in.eml"].leaves == read[f"{name}.out.eml"].leaves


def _inserted(original: str, copy: str) -> str:
    """What stands in the copy at one place; everything else has to be the original."""
    start = _alike(original, copy)
    rest = _alike(original[start:][::-1], copy[start:][::-1])
    assert start + rest == len(original), "more than one place has changed"
    return copy[start : len(copy) - rest]


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
