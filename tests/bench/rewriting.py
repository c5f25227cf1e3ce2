"""Measures what one message costs from its bytes to its signed copies: CPU time, and memory beside the message.

    python3 deploy/bootstrap.py bench rewriting [--runs N] [--write]

No network and no store: policy, structure, footer, header fields, DKIM (RSA-2048) and the look at our own result, as
`relay.rewriting` does them for the relay. See README.md for what the columns mean.
"""

from __future__ import annotations

import argparse
import base64
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from bench.newsletter import newsletter
from bench.table import machine, spread, write_between
from journey import NEWSLETTER

from relay.address import address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Yes
from relay.envelope import Client, Connection, MailParameters, Transaction
from relay.message.compose import Undisclosable
from relay.message.dkim import KeyType, Signer, generate, load_key
from relay.message.index import index
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.rewriting import Plan, Reader, Rewriter
from relay.tokens import KEY_LENGTH, TokenKeys, seal

_T = TypeVar("_T")

BEGIN: Final = "<!-- rewriting: written by rewriting.py -->"
END: Final = "<!-- end of rewriting -->"
NOW: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
HEAD: Final = (
    b"From: Brand <news@news.brand.example>\r\nTo: reader@reader.example\r\nSubject: November offers\r\n"
    b"Message-ID: <november@news.brand.example>\r\nDate: Sat, 21 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n"
)


@dataclass(frozen=True, slots=True)
class Case:
    """copies: how many readers one round serves."""

    name: str
    content: Callable[[], bytes]
    copies: int = 1


def page(octets: int) -> bytes:
    """An HTML message of about that size, quoted-printable."""
    row = b'<tr><td style=3D"padding:4px"><a href=3D"https://brand.example/item">=E8=8C=B6 tea</a></td></tr>\r\n'
    rows = row * (octets // len(row))
    return (
        HEAD + b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"<html><body><table>\r\n" + rows + b"</table></body></html>\r\n"
    )


def with_attachment(octets: int) -> bytes:
    """A short text and an attachment that makes the message about that size."""
    data = random.Random(1).randbytes(octets * 3 // 4)
    lines = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return (
        HEAD + b'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\n'
        b"The catalogue.\r\n--=_b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; "
        b"filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines + b"--=_b--\r\n"
    )


def of_spaces(octets: int) -> bytes:
    """Legal lines of 990 spaces and a dot: what relaxed canonicalisation likes least."""
    line = b" " * 990 + b".\r\n"
    return HEAD + b"Content-Type: text/plain\r\n\r\n" + line * (octets // len(line))


CASES: Final = (
    Case("9 kB newsletter, one reader", newsletter),
    Case("9 kB newsletter, 1,000 readers", newsletter, 1000),
    Case("100 kB HTML, one reader", lambda: page(100_000)),
    Case("10 MB attachment, one reader", lambda: with_attachment(10_000_000)),
    Case("10 MB of lines of 990 spaces, one reader", lambda: of_spaces(10_000_000)),
)


@dataclass(slots=True)
class Measured:
    """plan, copy: CPU milliseconds, of the whole message and of one copy. memory: peak beside the message, in its sizes."""

    plan: list[float] = field(default_factory=list)
    copy: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench rewriting", description="CPU and memory of rewriting")
    parser.add_argument("--runs", type=int, default=5, help="runs of everything, in turn (default 5)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    results = {case.name: Measured() for case in CASES}
    contents = {case.name: case.content() for case in CASES}
    bench = Bench()
    for run in range(chosen.runs):
        for case in CASES:
            print(f"run {run + 1} of {chosen.runs}: {case.name}", file=sys.stderr, flush=True)  # noqa: T201
            bench.measure(results[case.name], contents[case.name], case.copies)
    text = report(results, contents, chosen.runs)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
    return 0


class Bench:
    def __init__(self) -> None:
        signer = Signer("brand.example", "s1", load_key(generate(KeyType.RSA)))
        self._rewriter = Rewriter(
            dkim={"brand.example": (signer,)},
            seal=partial(seal, TokenKeys({"000001": bytes(KEY_LENGTH)}, "000001")),
            hostname="relay.brand.example",
            mail_domain="relay.brand.example",
            public_url="https://mail.brand.example",
            is_local=False,
            clock=lambda: NOW,
        )
        self._stream = _stream()

    def measure(self, result: Measured, content: bytes, copies: int) -> None:
        rounds = max(1, min(200, 1_000_000 // (len(content) * copies)))
        self._round(content, 1)  # warm
        planned = copied = 0.0
        for _ in range(rounds):
            plan, seconds = timed(lambda: self._plan(content))
            planned += seconds
            copied += timed(partial(self._copies, plan, copies))[1]
        result.plan.append(planned / rounds * 1000)
        result.copy.append(copied / rounds / copies * 1000)
        result.memory.append(self._peak(content))

    def _peak(self, content: bytes) -> float:
        tracemalloc.start()
        try:
            self._round(content, 1)
            return tracemalloc.get_traced_memory()[1] / len(content)
        finally:
            tracemalloc.stop()

    def _round(self, content: bytes, copies: int) -> None:
        self._copies(self._plan(content), copies)

    def _plan(self, content: bytes) -> Plan:
        tx = Transaction(
            "01HZ8000000000000000000000", NOW, Client("shop"), Connection("192.0.2.7", "shop.example", "ESMTP"),
            address_from_text("news@news.brand.example"), MailParameters(),
        )  # fmt: skip
        return self._rewriter.plan(tx, self._stream, index(content), None)

    def _copies(self, plan: Plan, copies: int) -> None:
        yes = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW, "import", live=False, form_url="https://brand.example/join")
        facts = Facts(yes=yes)
        for number in range(copies):
            reader = Reader(address_from_text(f"reader{number}@reader.example"), facts, f"01HZ{number:022}")
            copy = self._rewriter.copy(plan, reader)
            if isinstance(copy, Undisclosable):
                raise TypeError(f"nothing was rewritten: {copy.why}")


def _stream() -> Stream:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "newsletter.toml").write_text(NEWSLETTER, "utf-8")
        return load_policies(Path(folder)).streams[0]


def timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """What the work gives, and the CPU seconds it took."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def report(results: dict[str, Measured], contents: dict[str, bytes], runs: int) -> str:
    head = (
        "| | octets | once a message, CPU ms | each copy, CPU ms | peak memory, in sizes of the message |\n"
        "|---|---|---|---|---|"
    )
    rows = [
        f"| {name} | {len(contents[name]):,} | {spread(one.plan, 2)} | {spread(one.copy, 2)} | {memory(one)} |"
        for name, one in results.items()
    ]
    return "\n".join([head, *rows, "", f"{runs} runs; median (least to most). {machine()}"])


def memory(one: Measured) -> str:
    """The message itself counted: three times means two more beside it."""
    return f"{statistics.median(one.memory) + 1:.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
