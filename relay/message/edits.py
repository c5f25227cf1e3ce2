"""Changes of a message as splices: what stands between two offsets becomes something else, all other octets are copied.

Knows nothing of what it splices. Who makes edits sees to it that none lies over another.
"""

from __future__ import annotations

from collections.abc import Sequence

#: One change: the octets from start to end become these pieces, which may be views of octets that stay.
Edit = tuple[int, int, bytes | tuple[bytes | memoryview, ...]]


def applied(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Insertions at the same place keep their order."""
    view = memoryview(content)
    pieces: list[bytes | memoryview] = []
    position = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces.append(view[position:start])
        if isinstance(new, bytes):
            pieces.append(new)
        else:
            pieces += new
        position = end
    pieces.append(view[position:])
    return b"".join(pieces)
