"""Which language a reader is told things in: what the mail is written in, and what there are words for.

Never looks at the text itself; a guess would be wrong too often for a legal notice.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from relay.message.index import Index, Part, unfolded

#: Where nothing else is known, and where there are no words in what is known.
DEFAULT_LANGUAGE: Final = "en"

_JAPANESE: Final = (
    "iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-jp-2004 iso-2022-jp-ms cp50220 cp50221 cp50222 "
    "shift_jis shift-jis x-sjis sjis windows-31j cp932 ms_kanji euc-jp x-euc-jp eucjp cp51932"
)
_SIMPLIFIED: Final = "gb2312 gb_2312-80 gbk cp936 x-gbk gb18030 euc-cn hz-gb-2312 iso-2022-cn"
_TRADITIONAL: Final = "big5 big5-hkscs cn-big5 x-x-big5 cp950 euc-tw x-euc-tw"
_KOREAN: Final = "euc-kr ks_c_5601-1987 ks_c_5601-1989 ksc5601 cp949 uhc x-windows-949 iso-2022-kr"

# RFC 5646 section 2.1, as far as it takes to tell a tag from other words: language, then subtags.
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,8}")
_BETWEEN: Final = re.compile(r"[ \t\r\n,;]+")
_COMMENT: Final = re.compile(r"\([^()]*\)")
#: Charsets that only one language is written in; ISO-8859-1, UTF-8 and the rest tell nothing.
_WRITTEN_FOR: Final = {
    **dict.fromkeys(_JAPANESE.split(), "ja"),
    **dict.fromkeys(_SIMPLIFIED.split(), "zh"),
    **dict.fromkeys(_TRADITIONAL.split(), "zh-TW"),
    **dict.fromkeys(_KOREAN.split(), "ko"),
    "koi8-r": "ru",
    "koi8-u": "uk",
}
#: Undetermined, several, none at all, one without a code (ISO 639-2).
_NONE: Final = frozenset(("und", "mul", "zxx", "mis"))
#: Regions that tell the script, and the other way round: who asks for one is served by the other.
_TWINS: Final = {
    "zh-tw": "zh-hant",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
    "zh-cn": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-hant": "zh-tw",
    "zh-hans": "zh-cn",
}


def language_of(message: Index, root: Part) -> str:
    """The language that the mail is in, a tag such as "ja" or "pt-BR"; "" where nothing says so."""
    for field in message.head.named("content-language"):
        for word in _BETWEEN.split(_COMMENT.sub(" ", unfolded(message.content, field).decode("latin-1"))):
            if _TAG.fullmatch(word) and word.lower() not in _NONE:
                return word
    return _of_charset(root)


def _of_charset(part: Part) -> str:
    """Of the first text that is shown; a text that is attached may be in any language."""
    if part.kind.kind.startswith("multipart/"):
        return next((found for found in map(_of_charset, part.children) if found), "")
    if part.attached or part.named or not part.kind.kind.startswith("text/"):
        return ""
    return _WRITTEN_FOR.get(part.kind["charset"].strip(" '").lower(), "")


def choose_language(person: str, mail: str, policy: str, available: Collection[str]) -> str:
    """One of the available languages: for the person's, else the mail's own, else the policy's, else English."""
    for wanted in (person, mail, policy):
        found = nearest(wanted, available)
        if found:
            return found
    return DEFAULT_LANGUAGE


def nearest(wanted: str, available: Collection[str]) -> str:
    """The available tag that serves who wants that one (RFC 4647 section 3.4), "" when none does.

    From "zh-Hant-TW" over "zh-Hant" to "zh", and at last any of the same main language.
    """
    if wanted in available:  # the usual case
        return wanted
    tags = {tag.lower(): tag for tag in sorted(available, reverse=True)}
    tag = wanted.lower()
    main = tag.partition("-")[0]
    while tag:
        for one in (tag, _TWINS.get(tag, "")):
            if one in tags:
                return tags[one]
        tag = tag.rpartition("-")[0]
    return next((tags[one] for one in sorted(tags) if main and one.partition("-")[0] == main), "")
