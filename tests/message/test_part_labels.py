from __future__ import annotations

import pytest

from relay.message.edits import applied
from relay.message.index import index, parts_of
from relay.message.part_labels import in_doubt, labelled
from relay.message.transfer import Transfer

MIME = "MIME-Version: 1.0\r\n"


def after(head: str, charset: str = "", transfer: Transfer | None = None) -> str:
    content = f"{head}\r\ntea\r\n".encode()
    message = index(content)
    result = applied(content, labelled(message, parts_of(message), charset, transfer)).decode()
    assert result.endswith("\r\ntea\r\n")
    return result.removesuffix("\r\ntea\r\n")


def test_sums_over_the_old_body_go_and_nothing_else() -> None:
    head = "Content-MD5: x\r\nSubject: y\r\nContent-Length: 5\r\nLines:\r\n 1\r\nX-Lines: 1\r\n"
    assert after(head) == "Subject: y\r\nX-Lines: 1\r\n"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (
            "Content-Type: text/plain; charset=us-ascii; format=flowed",
            "Content-Type: text/plain; charset=utf-8; format=flowed",
        ),
        (
            'content-type:text/html;\r\n\tCHARSET = "us-ascii" ; a=b',
            "content-type:text/html;\r\n\tCHARSET = utf-8 ; a=b",
        ),
        ("Content-Type: text/plain; a=b", "Content-Type: text/plain; charset=utf-8; a=b"),
        ("Content-Type: text/plain", "Content-Type: text/plain; charset=utf-8"),
    ],
)
def test_of_a_content_type_only_the_charset_is_written(before: str, expected: str) -> None:
    assert after(f"{MIME}{before}\r\nX: y\r\n", "utf-8") == f"{MIME}{expected}\r\nX: y\r\n"


def test_of_a_transfer_encoding_only_the_word_is_written() -> None:
    head = f"{MIME}content-transfer-encoding :\r\n 7bit (x)\r\nX: y\r\n"
    expected = f"{MIME}content-transfer-encoding : base64\r\nX: y\r\n"
    assert after(head, transfer=Transfer.BASE64) == expected


def test_a_message_without_mime_fields_gets_them_at_the_end_of_its_head() -> None:
    assert after("X: y\r\n", "utf-8", Transfer.QUOTED_PRINTABLE) == (
        f"X: y\r\n{MIME}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    )
    assert after("X: y\r\n", transfer=Transfer.BASE64) == f"X: y\r\n{MIME}Content-Transfer-Encoding: base64\r\n"


def test_mime_version_is_a_matter_of_the_message_not_of_its_parts() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntea\r\n--b--\r\n"
    message = index(content)
    part = parts_of(message).children[0]
    assert applied(content, labelled(message, part, "utf-8")) == content.replace(
        b"--b\r\n", b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n", 1
    )


@pytest.mark.parametrize(
    ("fields", "doubted"),
    [
        ("X: y\r\nContent-Type: text/plain; charset=us-ascii\r\n", False),
        ("X: y ;; z\r\nContent-Type: text/plain; charset=us-ascii;\r\n", False),
        ("X :\ty\r\nContent-Type: text/plain\r\n", True),
        ("Content-Type\t: text/plain\r\n", True),
        ('Content-Type: text/plain;\r\n ; charset="us-ascii"\r\n', True),
        ("", False),
    ],
)
def test_fields_that_some_programs_do_not_find_are_known(fields: str, doubted: bool) -> None:
    message = index(f"{fields}\r\ntea\r\n".encode())
    assert in_doubt(message, parts_of(message)) == doubted
