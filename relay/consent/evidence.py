"""What can be shown for an act later: the form, its words, the circumstances. Pure; validated when built.

Words that were shown stand in the ledger as their hash alone, so that one text is kept once for all who agreed to it;
the text itself lies beside the ledger under that hash. Never decides what a consent is worth.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be shown later. Each field may be "".

    form_url: where the person acted. wording: hash of the words shown (`wording_hash`). language: of the form. ip,
    user_agent: of the person; they may be kept for a shorter time than the rest.
    """

    form_url: str = ""
    wording: str = ""
    language: str = ""
    ip: str = ""
    user_agent: str = ""

    def __post_init__(self) -> None:
        if self.wording and not is_wording_hash(self.wording):
            raise ValueError("evidence names the words shown by their hash: 64 digits of a SHA-256")


def wording_text(words: str) -> str:
    """The words as they are kept: NFC, lines ended by LF, nothing around them. Two files of the same words, saved by
    two editors, are one wording.
    """
    return unicodedata.normalize("NFC", words.replace("\r\n", "\n").replace("\r", "\n")).strip()


def wording_hash(words: str) -> str:
    """What stands for the words in the ledger: SHA-256 of `wording_text(words)` in UTF-8, 64 hexadecimal digits; "" of
    no words.
    """
    text = wording_text(words)
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def is_wording_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None
