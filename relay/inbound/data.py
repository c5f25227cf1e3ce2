"""What follows DATA: finds its end, undoes dot-stuffing, refuses what smuggles (RFC 5321 sections 2.3.8 and 4.5.2).

Pure: octets in, octets or a reply out; any division into chunks gives the same result. Only CR LF "." CR LF ends a
message. A CR or LF of its own is refused and never repaired, because other servers read other ends into it.
"""

from __future__ import annotations

from typing import Final

from relay.inbound import replies
from relay.reply import Reply

_END: Final = b"\r\n.\r\n"
#: Beginnings of _END, longest first: a chunk's tail of that shape waits for the next chunk.
_BEGINNINGS: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
#: All octets but those that may stand in a line end only, and NUL, which may stand nowhere.
_ORDINARY: Final = bytes(sorted(set(range(256)) - set(b"\r\n\0")))
#: Octets and lines of a header block. Everything after us looks at each field more than once; what people and mailers
#: write has a few thousand octets, a thousand recipients in To not a tenth of this.
_LONGEST_HEADER: Final = 262_144
_MOST_HEADER_LINES: Final = 5_000


class DataParser:
    """Takes one message. Memory stays below size_limit and one chunk, however much is sent.

    size_limit: octets of the content without stuffing. line_limit: octets of one line without CR LF.
    received_limit: more Received fields than this are a loop.
    """

    __slots__ = ("_fault", "_held", "_line", "_line_limit", "_pieces", "_received_limit", "_size", "_size_limit")

    def __init__(self, *, size_limit: int, line_limit: int, received_limit: int) -> None:
        self._size_limit = size_limit
        self._line_limit = line_limit
        self._received_limit = received_limit
        # DATA itself ended with CR LF: a dot on the first line is one at the beginning of a line.
        self._held = b"\r\n"
        self._size = -2
        self._line = 0
        self._pieces: list[bytes] = []
        self._fault: Reply | None = None

    def feed(self, chunk: bytes) -> bytes | None:
        """None while the message goes on; at its end what follows it in `chunk` (the next commands, or nothing)."""
        data = self._held + chunk
        end = data.find(_END)
        if end >= 0:
            self._take(data[: end + 2])
            return data[end + len(_END) :]
        self._held = next((one for one in _BEGINNINGS if data.endswith(one)), b"")
        self._take(data[: len(data) - len(self._held)])
        return None

    @property
    def is_hopeless(self) -> bool:
        """Has so much more than the limit come that hearing it out makes no sense?"""
        return self._size > 2 * self._size_limit + 1_048_576

    def result(self) -> bytes | Reply:
        """The content with CR LF line ends, or why it is refused. Once, after `feed` has found the end."""
        if self._fault is not None:
            return self._fault
        self._pieces[0] = self._pieces[0][2:]
        content = b"".join(self._pieces)
        self._pieces.clear()
        header = header_of(content)
        if header is None:
            return replies.HEADER_TOO_LARGE
        return replies.LOOP if count_received(header) > self._received_limit else content

    def _take(self, piece: bytes) -> None:
        """A piece never begins or ends within CR LF or a stuffed dot."""
        self._size += len(piece)
        if self._fault is not None or not piece:
            return
        if len(piece.translate(None, _ORDINARY)) != 2 * piece.count(b"\r\n"):
            self._fail(replies.BARE_CR_LF)
        elif self._has_long_line(piece):
            self._fail(replies.DATA_LINE_TOO_LONG)
        else:
            unstuffed = piece.replace(b"\r\n.", b"\r\n")
            self._size -= len(piece) - len(unstuffed)
            if self._size > self._size_limit:
                self._fail(replies.TOO_LARGE)
            else:
                self._pieces.append(unstuffed)

    def _has_long_line(self, piece: bytes) -> bool:
        limit = self._line_limit + 2
        start = -self._line  # where the line begins that is open when the piece comes
        while len(piece) - start > limit:
            newline = piece.rfind(b"\n", max(start, 0), start + limit)
            if newline < 0:
                return True
            start = newline + 1
        newline = piece.rfind(b"\n", max(start, 0))
        self._line = len(piece) - (start if newline < 0 else newline + 1)
        return False

    def _fail(self, fault: Reply) -> None:
        self._fault = fault
        self._pieces.clear()


def header_of(content: bytes) -> bytes | None:
    """The header block, up to the empty line or the end; None when it is longer than anybody needs."""
    if content.startswith(b"\r\n"):
        return b""
    end = content.find(b"\r\n\r\n", 0, _LONGEST_HEADER)
    if end < 0 and len(content) > _LONGEST_HEADER:
        return None
    header = content if end < 0 else content[:end]
    return None if header.count(b"\r\n") > _MOST_HEADER_LINES else header


def count_received(header: bytes) -> int:
    """Received fields in a header block."""
    header = header.lower()
    return header.count(b"\nreceived:") + header.startswith(b"received:")
