"""An address as a command writes it: as it is read, or the words with which it is refused."""

from __future__ import annotations

import pytest

from relay.address import (
    Address,
    AddressError,
    parse_mailbox,
)

PHONES = frozenset({"docomo.ne.jp", "ezweb.ne.jp"})


def parsed(text: str, **options: frozenset[str]) -> Address:
    return parse_mailbox(text.encode(), smtputf8=True, **options)


def why_refused(raw: bytes | str, *, smtputf8: bool = True) -> str:
    with pytest.raises(AddressError) as error:
        parse_mailbox(raw.encode() if isinstance(raw, str) else raw, smtputf8=smtputf8)
    words = str(error.value)
    assert words.isascii()
    assert words.isprintable()
    return words
