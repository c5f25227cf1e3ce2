"""Which parts of a message are the human text, one in each alternative of it. Looks only at the structure.

The footer has to be seen by whoever reads the message, whichever alternative their program shows, and nothing that
somebody signed, encrypted, attached or forwarded may be opened for it. Where that cannot be told for certain, the
answer is why not.

    text/plain, text/html           the text
    multipart/alternative           each text in it; what is neither stays as it is beside them (calendars, AMP, ...)
    multipart/related               its root
    multipart/mixed, unknown kinds  the last text that is shown (RFC 2046 section 5.1.7)
    attached, named, forwarded      files, never opened; where there is nothing else, the message is attachments only
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from relay.message.index import Index, Part, unfolded
from relay.message.rules import Amp

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
#: What S/MIME is called where a gateway did not know its type (RFC 8551 section 3.2.1).
_SEALED_FILES: Final = (".p7m", ".p7s", ".p7z")
#: PGP/MIME that a server took for a multipart/mixed. Programs that repair it know it by its parts as they are.
_UNSEALED: Final = ("application/pgp-encrypted", "application/octet-stream")
#: RFC 6522 and what reports are made of (RFC 3464, RFC 8098, RFC 5965).
_REPORTS: Final = frozenset(
    {
        "multipart/report",
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/global-disposition-notification",
        "message/feedback-report",
    }
)
_EDITABLE: Final = frozenset({"text/plain", "text/html"})
#: Of a type, in words for the operator: a mailer may write one of any length.
_MAX_KIND: Final = 60
#: More texts for one reader than any message has; each gets a footer in every copy.
_MAX_TEXTS: Final = 32
_AMP: Final = "text/x-amp-html"
#: Types that nobody reads in the middle of a message, and messages inside it.
_FILES: Final = frozenset({"application", "audio", "font", "image", "model", "video"})
_FORWARDED: Final = frozenset({"message/rfc822", "message/global"})
#: A whole message in a file, text and all: what Outlook shows instead of the text beside it.
_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
#: Multiparts that are one file, or whole messages (RFC 1740, RFC 2046 section 5.1.5).
_NEVER_INSIDE: Final = frozenset({"multipart/appledouble", "multipart/digest"})


@dataclass(frozen=True, slots=True)
class Above:
    """Texts that a reader sees above others of the same multipart/mixed; each is an alternative. below: those others."""

    parts: tuple[Part, ...]
    below: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Displayed:
    """parts: the leaves that have to carry the footer, in their order. above: texts shown before them, which need none.
    dropped: alternatives to be taken out.

    attachments_only: no text is shown at all, so that a new first part has to carry it.
    """

    parts: tuple[Part, ...]
    above: tuple[Above, ...] = ()
    dropped: tuple[Part, ...] = ()
    attachments_only: bool = False


class NotDisplayableError(Exception):
    """Inside this module: why no part can be named. str(): words for the operator."""


def displayed_parts(message: Index, root: Part, amp: Amp = Amp.KEEP) -> Displayed | str:
    """The parts that have to carry the footer, or why there is no telling."""
    if is_report(root):
        return "a report"
    search = _Search(message)
    try:
        texts = search.of_root(root)
        dropped = () if amp is Amp.KEEP else tuple(_dropped(root, amp, texts))
    except NotDisplayableError as error:
        return str(error)
    if len(texts) > _MAX_TEXTS:
        return "more alternative texts than any message has"
    if texts:
        return Displayed(tuple(texts), tuple(search.above), dropped)
    if search.other_texts:
        return f"no text to add the footer to ({search.other_texts[0]})"
    return Displayed((), attachments_only=True)


def is_report(root: Part) -> bool:
    """Is it about mail, written by a program for programs? A report of old may be a multipart/mixed."""
    return root.kind.kind in _REPORTS or any(
        child.kind.kind in _REPORTS and child.kind.kind.startswith("message/") and not child.attached
        for child in root.children
    )


class _Search:
    """One message. above: as in Displayed. other_texts: kinds of what is shown and cannot be edited."""

    def __init__(self, message: Index) -> None:
        self._message = message
        self.above: list[Above] = []
        self.other_texts: list[str] = []

    def of_root(self, root: Part) -> list[Part]:
        """A message of one part has no name and is attached to nothing, unless it says so."""
        if root.kind.kind in _EDITABLE and not root.attached and not root.trouble:
            return [root]
        if root.trouble:
            raise NotDisplayableError(root.trouble)
        if root.kind.kind == "application/octet-stream" and root.kind["name"].lower().endswith(_SEALED_FILES):
            raise NotDisplayableError("signed or encrypted (S/MIME by its file name)")
        return self._texts(root)

    def _texts(self, part: Part) -> list[Part]:
        """The texts in here that have to carry the footer, none where nothing is shown that could."""
        kind = part.kind.kind
        if kind in _SEALED:
            raise NotDisplayableError(f"signed or encrypted ({kind})")
        if kind.startswith("multipart/"):
            return self._of_multipart(part, kind)
        if kind in _TNEF:
            self.other_texts.append(kind)
            return []
        if part.attached:
            return []
        if part.trouble:
            raise NotDisplayableError(part.trouble)
        if kind in _EDITABLE:
            if part.head.has_empty_line:
                return [part]
            if part.end > part.body:
                raise NotDisplayableError("a text part without an empty line above its text")
            return []  # what has no body shows nothing
        if kind.partition("/")[0] not in _FILES and kind not in _FORWARDED and not part.named:
            self.other_texts.append(kind[:_MAX_KIND])
        return []

    def _of_multipart(self, part: Part, kind: str) -> list[Part]:
        if part.attached and part.opening[1]:
            return []
        if part.trouble:
            raise NotDisplayableError(part.trouble)
        if kind == "multipart/report":
            raise NotDisplayableError("a report")
        if kind in _NEVER_INSIDE:
            return []
        if kind == "multipart/alternative":
            return self._of_alternative(part)
        if kind == "multipart/related":
            return self._of_related(part)
        return self._of_mixed(part)

    def _of_mixed(self, part: Part) -> list[Part]:
        """The last text shown: Apple Mail sends text, a picture, text; the footer stands once, at the end.

        Those above it are told of: the mailer's placeholders may stand there, or a footer of before.

        All parts are shown one after the other, so what may not be opened is left alone where there is text beside it.
        """
        if _UNSEALED in pairwise([child.kind.kind for child in part.children]):
            raise NotDisplayableError(f"signed or encrypted ({_UNSEALED[0]})")
        doubt: NotDisplayableError | None = None
        last: list[Part] = []
        for child in reversed(part.children):
            if child.named and child.kind.kind in _EDITABLE:
                continue  # a file, however badly its type is written
            try:
                texts = self._texts(child)
            except NotDisplayableError as error:
                doubt = doubt or error
            else:
                if last and texts and len(self.above) < _MAX_TEXTS:
                    self.above.append(Above(tuple(texts), tuple(last)))
                last = last or texts
        if doubt is not None and not last:
            raise doubt
        return last

    def _of_alternative(self, part: Part) -> list[Part]:
        """Each text, since nobody knows which is shown. Others are shown by some, and are not ours to edit."""
        texts: list[Part] = []
        for child in part.children:
            texts += self._texts(child)
        return texts

    def _of_related(self, part: Part) -> list[Part]:
        """RFC 2387: the part that `start` names, else the first."""
        start = _identifier(part.kind["start"].encode("latin-1"))
        if not start:
            return self._texts(part.children[0])
        for child in part.children:
            fields = child.head.named("content-id")
            if any(_identifier(unfolded(self._message.content, one)) == start for one in fields):
                return self._texts(child)
        raise NotDisplayableError("a multipart/related whose start is missing")


def _dropped(part: Part, amp: Amp, texts: Collection[Part]) -> list[Part]:
    """The AMP shown instead of a text that carries the footer. Beside it in a mixed, the footer is seen with AMP, too."""
    if not any(part.body <= text.head.start < part.end for text in texts):
        return []
    found: list[Part] = []
    for child in part.children:
        if part.kind.kind == "multipart/alternative" and child.kind.kind == _AMP and not child.attached:
            if amp is Amp.UNDISCLOSABLE:
                raise NotDisplayableError(f"an alternative that cannot carry the footer ({_AMP})")
            found.append(child)
        found += _dropped(child, amp, texts)
    return found


def _identifier(value: bytes) -> bytes:
    """A Content-ID without the angle brackets that some mailers forget."""
    return value.strip().removeprefix(b"<").removesuffix(b">")
