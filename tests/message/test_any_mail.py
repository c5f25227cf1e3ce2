"""Any mail, rewritten in every way and judged by rules of its own (tests/judge): no violation, no crash, none slow.

Runs over the messages in tests/golden, and over every file below the folder that CONSENT_RELAY_MAIL names.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from judge.reading import read
from judge.text_rules import PLACEHOLDER
from judge.verdict import violations, words
from rewritten import COMMERCIAL, rewritten

from relay.message.rules import Amp, Existing, Fallback, PlainCharset, Rules

GOLDEN: Final = Path(__file__).parent.parent / "golden"
FOLDER: Final = os.environ.get("CONSENT_RELAY_MAIL", "")
#: CPU seconds for one message, read, rewritten and signed; the usual one takes a thousandth.
SLOW: Final = 2.0
MAX_SIZE: Final = 50_000_000
_FIELD: Final = re.compile(
    rb"(?:>?From [^\n]*\n)?(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?"
    rb"(?:from|to|date|subject|received|return-path|message-id|mime-version|content-type|delivered-to)[ \t]*:",
    re.IGNORECASE,
)
POLICIES: Final = [
    *[replace(COMMERCIAL, fallback=fallback) for fallback in Fallback],
    replace(COMMERCIAL, fallback=Fallback.WRAP, existing=Existing.KEEP, amp=Amp.DROP, charset=PlainCharset.KEEP),
    replace(COMMERCIAL, fallback=Fallback.WRAP, existing=Existing.COMBINE, amp=Amp.UNDISCLOSABLE, list_id=""),
]


def mail_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and looks_like_mail(path))


def looks_like_mail(path: Path) -> bool:
    if path.stat().st_size > MAX_SIZE:
        return False
    with path.open("rb") as file:
        start = file.read(20_000).replace(b"\r\n", b"\n")
    return _FIELD.match(start) is not None


def as_sent(content: bytes) -> bytes:
    """As it comes out of DATA: lines end in CRLF, the last one too."""
    content = re.sub(rb"\r\n|\n|\r", b"\r\n", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


FILES: Final = [*sorted(GOLDEN.glob("*.in.eml")), *(mail_below(Path(FOLDER)) if FOLDER else [])]


def ways() -> Iterator[tuple[str, Rules]]:
    for rules in POLICIES:
        for language in ("ja", "en"):
            yield language, rules
    yield "en", Rules(commercial=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_any_mail_comes_out_unharmed(path: Path) -> None:
    original = path.read_bytes() if path.parent == GOLDEN else as_sent(path.read_bytes())
    judged: set[bytes] = set()
    for language, rules in ways():
        started = time.process_time()
        copy = rewritten(original, language, rules, sign=True)
        took = time.process_time() - started
        assert took < SLOW, f"{took:.2f} s of CPU for {len(original)} octets"
        if copy.content is None:
            assert rules.fallback is not Fallback.HEADERS_ONLY
            assert copy.why
            continue
        assert copy.promise.footer or copy.why or not rules.commercial, "no footer, and no reason"
        if copy.content in judged:
            continue
        judged.add(copy.content)
        found = violations(original, copy.content, copy.promise)
        assert not found, f"{language}, {rules}:\n{words(found)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_copy_that_comes_back_gets_no_second_footer(path: Path, language: str) -> None:
    """Values that have taken the place of a mailer's placeholders look like anybody's words: a whole footer is added."""
    original = path.read_bytes() if path.parent == GOLDEN else as_sent(path.read_bytes())
    rules = replace(COMMERCIAL, fallback=Fallback.WRAP)
    first = rewritten(original, language, rules)
    if first.content is None:
        return
    second = rewritten(first.content, language, rules)
    assert second.content is not None
    found = violations(first.content, second.content, second.promise)
    assert not found, words(found)
    if not any(PLACEHOLDER.search(part.text or "") for part in read(original).walk() if not part.children):
        assert second.content.partition(b"\r\n\r\n")[2] == first.content.partition(b"\r\n\r\n")[2]


def test_what_is_no_mail_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"X-A: b\nSubject: tea\n\ntea\n")
    (tmp_path / "list.tsv").write_bytes(b"a\tb\n")
    (tmp_path / "picture.png").write_bytes(bytes(range(256)))
    assert [path.name for path in mail_below(tmp_path)] == ["mail"]


def test_mail_from_a_file_gets_the_line_ends_that_it_was_sent_with() -> None:
    assert as_sent(b"a\nb\r\nc\rd") == b"a\r\nb\r\nc\r\nd\r\n"
