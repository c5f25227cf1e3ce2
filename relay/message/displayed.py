"""Which parts of a message are the human text, one in each alternative of it. Looks only at the structure.

The footer has to be seen by whoever reads the message, whichever alternative their program shows. Where that cannot
be told for certain, the answer is why not.
"""

from __future__ import annotations

from typing import Final

from relay.message.index import Index, Part, unfolded

#: What is never opened: signed, encrypted (RFC 1847, RFC 8551, RFC 3156).
_SEALED: Final = frozenset(
    {
        "multipart/signed",
        "multipart/encrypted",
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
        "application/pgp-encrypted",
        "application/pgp",
        "text/pgp",
    }
)
_EDITABLE: Final = frozenset({"text/plain", "text/html"})
#: Encodings that a multipart may have (RFC 2045 section 6.4).
_IDENTITY: Final = frozenset({"7bit", "8bit", "binary", ""})


class NotDisplayableError(Exception):
    """Inside this module: why no part can be named. str(): words for the operator."""


def displayed_parts(message: Index, root: Part) -> tuple[Part, ...] | str:
    """The leaves that have to carry the footer, in their order, or why there is no telling."""
    try:
        _refuse_sealed(root)
        return tuple(_leaves(message, root))
    except NotDisplayableError as error:
        return str(error)


def _refuse_sealed(part: Part) -> None:
    if part.kind.kind in _SEALED:
        raise NotDisplayableError(f"signed or encrypted ({part.kind.kind})")
    if part.kind.kind == "multipart/report":
        raise NotDisplayableError("a report")
    for child in part.children:
        _refuse_sealed(child)


def _leaves(message: Index, part: Part) -> list[Part]:
    kind = part.kind.kind
    if part.trouble:
        raise NotDisplayableError(part.trouble)
    if kind in _EDITABLE:
        if part.attached:
            raise NotDisplayableError("attachments only")
        return [part]
    if kind.startswith("multipart/") and part.transfer not in _IDENTITY:
        raise NotDisplayableError("an encoded multipart")
    if kind == "multipart/mixed":
        return _of_mixed(message, part)
    if kind == "multipart/alternative":
        return _of_alternative(message, part)
    if kind == "multipart/related":
        return _leaves(message, _root_of_related(message, part))
    raise NotDisplayableError(f"no text to add the footer to ({kind})")


def _of_mixed(message: Index, part: Part) -> list[Part]:
    """The last text shown: Apple Mail sends text, a picture, text; the footer stands once, at the end."""
    for child in reversed(part.children):
        if _is_shown(child):
            return _leaves(message, child)
    raise NotDisplayableError("attachments only")


def _is_shown(part: Part) -> bool:
    """Is it text in the middle of the message, or may it be? A file is none, however badly its name is written."""
    if part.kind.kind.startswith("multipart/"):
        return bool(part.trouble) or any(_is_shown(child) for child in part.children)
    if part.attached or part.named:
        return False
    if part.kind.kind in _EDITABLE:
        return part.head.has_empty_line or part.end > part.head.start  # what has neither head nor body shows nothing
    return bool(part.trouble)


def _of_alternative(message: Index, part: Part) -> list[Part]:
    leaves: list[Part] = []
    for child in part.children:
        if child.attached and not child.kind.kind.startswith("multipart/"):
            continue  # an attachment in the wrong place, shown by nobody instead of the text
        if not child.trouble and child.kind.kind not in _EDITABLE and not child.kind.kind.startswith("multipart/"):
            # AMP, calendars, watch faces, pictures: shown instead of the text by some, and not ours to edit.
            raise NotDisplayableError(f"an alternative that cannot carry the footer ({child.kind.kind})")
        leaves += _leaves(message, child)
    if not leaves:
        raise NotDisplayableError("alternatives without text")
    return leaves


def _root_of_related(message: Index, part: Part) -> Part:
    """RFC 2387: the part that `start` names, else the first."""
    if not part.children:
        raise NotDisplayableError("a multipart without parts")
    start = part.kind["start"].strip().encode("latin-1")
    if not start:
        return part.children[0]
    for child in part.children:
        if any(unfolded(message.content, one) == start for one in child.head.named("content-id")):
            return child
    raise NotDisplayableError("a multipart/related whose start is missing")
