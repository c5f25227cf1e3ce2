"""Messages rebuilt from public reports, the copy that a reader gets of one, and how Python reads it.

Every copy is judged by tests/judge before a test sees it.
"""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Final

from judge.verdict import violations, words
from rewritten import COMMERCIAL, LINK, rewritten

from relay.message.footer import FooterFacts
from relay.message.rules import Fallback, Rules

HEADERS_ONLY: Final = replace(COMMERCIAL, fallback=Fallback.HEADERS_ONLY)
WRAP: Final = replace(COMMERCIAL, fallback=Fallback.WRAP)
PNG: Final = encodebytes(bytes(range(90))).replace(b"\n", b"\r\n")


def mail(fields: bytes, body: bytes) -> bytes:
    return (
        b"From: Brand <news@brand.example>\r\nTo: hanako@example.jp\r\nSubject: tea\r\n"
        b"Date: Sat, 1 Jun 2024 09:00:00 +0900\r\nMessage-ID: <1@brand.example>\r\nMIME-Version: 1.0\r\n"
        + fields
        + b"\r\n"
        + body
    )


def typed(kind: str, charset: str, transfer: str = "8bit") -> bytes:
    return f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {transfer}\r\n".encode()


def mixed(*parts: bytes, kind: str = "mixed", boundary: str = "b") -> bytes:
    line = f"--{boundary}".encode()
    body = b"".join([line + b"\r\n" + part + b"\r\n" for part in parts])
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + body + line + b"--\r\n"


def many(*parts: bytes, kind: str = "mixed") -> bytes:
    """A message of several parts."""
    fields, _, body = mixed(*parts, kind=kind).partition(b"\r\n\r\n")
    return mail(fields + b"\r\n", body)


def text(
    words_of_it: str = "Hello", kind: str = "text/plain", charset: str = "us-ascii", transfer: str = "7bit"
) -> bytes:
    return typed(kind, charset, transfer) + b"\r\n" + words_of_it.replace("\n", "\r\n").encode(charset)


def copy(
    content: bytes,
    language: str = "en",
    rules: Rules = COMMERCIAL,
    facts: FooterFacts | None = None,
    *,
    link: str = LINK,
) -> bytes:
    """What the reader gets, which the judge has nothing against."""
    result = rewritten(content, language, rules, facts=facts, link=link)
    assert result.content is not None, result.why
    found = violations(content, result.content, result.promise)
    assert not found, words(found)
    return result.content


def refused(content: bytes, rules: Rules = COMMERCIAL) -> str:
    result = rewritten(content, "en", rules)
    assert result.content is None
    return result.why


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def read(message: bytes) -> str:
    """The text of a message of one part, as Python's email package reads it."""
    found = message_from_bytes(message, policy=policy.default)
    assert isinstance(found, EmailMessage)
    content = found.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def leaves(message: bytes) -> list[Message]:
    return [part for part in message_from_bytes(message).walk() if not part.is_multipart()]


def payload(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found
