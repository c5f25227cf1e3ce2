"""What the next hop answers: bytes in, one `HopReply` out; and its words made fit to be passed on. Pure, no IO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from relay.reply import Reply, one_line

#: RFC 5321 allows 512 octets a line; hops that write more are still understood, up to a bound.
MAX_LINE: Final = 4096
MAX_REPLY: Final = 65536

_LINE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ \t-])([^\n]*))?\r?\n")
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")
_ADDRESS: Final = re.compile(r"[^\s<>()]+@[^\s<>()]+")


class GarbageError(ValueError):
    """The next hop wrote what is no SMTP reply. str(): what is wrong, in words of ours."""


@dataclass(frozen=True, slots=True)
class HopReply:
    """code: 200-599. lines: the text of each line, as bytes from outside."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def is_positive(self) -> bool:
        return self.code < 400

    def passed_on(self, code: int | None = None, enhanced: str = "") -> Reply:
        """The reply as one of ours: one printable ASCII line, capped, without addresses; `code` instead of its own.

        421 becomes 451: it is the next hop that goes away, not we.
        """
        text = one_line(b" ".join(self.lines).decode("utf-8", "replace"), limit=400)
        found = _ENHANCED.match(text)
        text = _ADDRESS.sub("(address)", text[found.end() :] if found else text)
        final = code or (451 if self.code == 421 else self.code)
        if not enhanced:
            enhanced = found[1] if found else ""
        if enhanced[:1] != str(final)[0]:
            enhanced = f"{final // 100}.0.0"
        return Reply(final, enhanced, one_line(text) or "no words from the next hop")


def next_reply(buffer: bytearray, start: int = 0) -> tuple[HopReply, int] | None:
    """The reply that begins at `start` and where it ends; None while it is incomplete.

    Raises GarbageError when no continuation can make a reply of it.
    """
    lines: list[bytes] = []
    code = b""
    position = start
    while line := _LINE.match(buffer, position):
        if code and line[1] != code:
            raise GarbageError("lines of one reply differ in code")
        code = line[1]
        lines.append(bytes(line[3] or b"").rstrip(b"\r"))
        position = line.end()
        if position - start > MAX_REPLY:
            raise GarbageError("a reply without end")
        if line[2] != b"-":
            return HopReply(int(code), tuple(lines)), position
    if b"\n" in buffer[position : position + MAX_LINE]:
        raise GarbageError("a line that is no SMTP reply")
    if len(buffer) - position >= MAX_LINE:
        raise GarbageError("a reply line without end")
    return None
