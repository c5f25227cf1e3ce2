"""What of the structure of a message has to be the same before and after an edit."""

from __future__ import annotations

from relay.message.index import Part


def shape_of(part: Part) -> tuple[object, ...]:
    """Kinds, boundaries, and how the parts stand in each other."""
    return (
        part.kind.kind, part.attached, part.named, part.boundary, part.closed, part.trouble,
        tuple([shape_of(child) for child in part.children]),
    )  # fmt: skip
