"""The bytes that go to the next hop: MAIL, RCPT, the content with its dots doubled. Pure; addresses are only written.

Every address comes from its canonical form, so what was checked is what is sent. Parameters go out only where the
next hop offers their extension.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from relay.address import Address
from relay.envelope import Body, MailParameters, Recipient

END_OF_CONTENT: Final = b".\r\n"
#: xtext and keywords (RFC 3461): what may follow `=` in a parameter.
_VALUE: Final = re.compile(r"[!-~]+")
#: All octets but those that may stand in a line end only, and NUL, which may stand nowhere.
_ORDINARY: Final = bytes(sorted(set(range(256)) - set(b"\r\n\0")))


def mail_command(
    sender: Address | None, parameters: MailParameters, size: int, extensions: Mapping[str, str], *, smtputf8: bool
) -> bytes:
    """MAIL with the parameters that are needed and offered. size: octets of the content (RFC 1870, dots not doubled).

    smtputf8: this transaction needs SMTPUTF8, and the next hop offers it.
    """
    words = [f"MAIL FROM:<{'' if sender is None else sender}>"]
    if "SIZE" in extensions:
        words.append(f"SIZE={size}")
    if parameters.body is Body.EIGHT_BIT and "8BITMIME" in extensions:
        words.append("BODY=8BITMIME")
    if smtputf8:
        words.append("SMTPUTF8")
    if "DSN" in extensions:
        if parameters.ret:
            words.append(f"RET={_checked(parameters.ret)}")
        if parameters.envid:
            words.append(f"ENVID={_checked(parameters.envid)}")
    return " ".join(words).encode() + b"\r\n"


def rcpt_command(recipient: Recipient, extensions: Mapping[str, str]) -> bytes:
    command = f"RCPT TO:<{recipient.address}>"
    if "DSN" in extensions:
        if recipient.notify:
            command += f" NOTIFY={_checked(','.join(recipient.notify))}"
        if recipient.orcpt:
            command += f" ORCPT={_checked(recipient.orcpt)}"
    return command.encode() + b"\r\n"


def is_transparent(content: bytes) -> bool:
    """Is every line end CRLF and no NUL inside? Anything else could end the message early at some next hop."""
    return len(content.translate(None, _ORDINARY)) == 2 * content.count(b"\r\n")


def dotted(content: bytes) -> bytes:
    """The content as it goes through DATA, with its end (RFC 5321 section 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    start = b"." if content.startswith(b".") else b""
    end = b"" if not content or content.endswith(b"\r\n") else b"\r\n"
    return b"".join((start, stuffed, end, END_OF_CONTENT))


def _checked(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError("a parameter value that cannot be written in one SMTP command")
    return value
