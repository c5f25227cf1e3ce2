"""Load on a port: Postfix's smtp-source for throughput, an asyncio client of our own for latency and refusals."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

from bench.newsletter import SENDER, newsletter


@dataclass(frozen=True, slots=True)
class Timed:
    """rate: per second. p50, p99: milliseconds from MAIL to the last reply."""

    rate: float
    p50: float
    p99: float


def throughput(port: int, messages: int, sessions: int) -> float:
    """Seconds until `messages` newsletters, each to a recipient of its own (0reader@..., 1reader@...), are accepted."""
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(newsletter().replace(b"\r\n", b"\n"))
        file.flush()
        began = time.monotonic()
        how = ("-d", "-s", str(sessions), "-m", str(messages), "-N", "-F", file.name)
        subprocess.run(
            ("smtp-source", *how, "-f", SENDER, "-t", "reader@reader.example", f"127.0.0.1:{port}"),
            check=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )
        return time.monotonic() - began


def accepted(port: int, messages: int, sessions: int) -> Timed:
    """Newsletters to people with consent: MAIL, RCPT, DATA and the message, one reply awaited after the other."""
    data = newsletter().replace(b"\r\n.", b"\r\n..") + b".\r\n"
    return asyncio.run(_timed(port, messages, sessions, b"%dreader@reader.example", (b"DATA\r\n", data)))


def refused(port: int, messages: int, sessions: int) -> Timed:
    """MAIL and RCPT to strangers, who are refused; RSET between them."""
    return asyncio.run(_timed(port, messages, sessions, b"%dstranger@reader.example", ()))


async def _timed(port: int, messages: int, sessions: int, to: bytes, rest: tuple[bytes, ...]) -> Timed:
    took: list[float] = []
    began = time.monotonic()
    await asyncio.gather(*(_session(port, range(n, messages, sessions), to, rest, took) for n in range(sessions)))
    rate = messages / (time.monotonic() - began)
    hundredths = statistics.quantiles(took, n=100)
    return Timed(rate, hundredths[49] * 1000, hundredths[98] * 1000)


async def _session(port: int, numbers: range, to: bytes, rest: tuple[bytes, ...], took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reply(reader)
    writer.write(b"EHLO load.brand.example\r\n")
    await reply(reader)
    for number in numbers:
        began = time.monotonic()
        steps = (f"MAIL FROM:<{SENDER}>\r\n".encode(), b"RCPT TO:<" + to % number + b">\r\n", *rest)
        for step in steps:
            writer.write(step)
            answer = await reply(reader)
        took.append(time.monotonic() - began)
        expected = b"250" if rest else b"550"
        if not answer.startswith(expected):
            raise RuntimeError(f"expected {expected.decode()}, got {answer.decode()}")
        if not rest:
            writer.write(b"RSET\r\n")
            await reply(reader)
    writer.write(b"QUIT\r\n")
    await reply(reader)
    writer.close()


async def reply(reader: asyncio.StreamReader) -> bytes:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    return line
