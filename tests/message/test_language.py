from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.index import index, parts_of
from relay.message.language import choose_language, language_of, nearest


def language(head: str, body: bytes = b"text") -> str:
    message = index(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return language_of(message, parts_of(message))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ja", "ja"),
        ("de-DE", "de-DE"),
        ("mi, en", "mi"),
        ("mul, UND, de", "de"),
        ("(the reader's) fr", "fr"),
        ("\n ja\n ", "ja"),
        ("english; de", "de"),
        ("i.n.v.a.l.i.d.", ""),
        ("", ""),
    ],
)
def test_content_language_says_it_and_of_several_the_first_one_counts(value: str, expected: str) -> None:
    assert language(f"Content-Language: {value}") == expected


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        ("ISO-2022-JP", "ja"),
        ('"Shift_JIS"', "ja"),
        ("euc-jp", "ja"),
        ("gb2312", "zh"),
        ("GB18030", "zh"),
        ("big5", "zh-TW"),
        ("euc-kr", "ko"),
        ("koi8-r", "ru"),
        ("utf-8", ""),
        ("iso-8859-1", ""),
        ("windows-1251", ""),  # Russian, Bulgarian, Serbian...
        ("nonsense", ""),
    ],
)
def test_a_charset_tells_where_only_one_language_is_written_in_it(charset: str, expected: str) -> None:
    assert language(f"Content-Type: text/plain; charset={charset}") == expected


def test_content_language_says_more_than_the_charset() -> None:
    assert language("Content-Language: en\nContent-Type: text/plain; charset=iso-2022-jp") == "en"
    assert language("Content-Language: ?\nContent-Type: text/plain; charset=iso-2022-jp") == "ja"


def test_of_many_parts_those_that_are_shown_count() -> None:
    mixed = "Content-Type: multipart/mixed; boundary=b"
    shown = b"--b\r\nContent-Type: text/html; charset=big5\r\n\r\nx\r\n"
    attached = b"--b\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Disposition: attachment\r\n\r\nx\r\n"
    nothing = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n"
    assert language(mixed, attached + nothing + shown + b"--b--\r\n") == "zh-TW"
    assert language(mixed, attached + nothing + b"--b--\r\n") == ""


def test_the_persons_language_comes_first_then_the_mails_then_the_policys() -> None:
    words = {"en", "ja", "de"}
    assert choose_language("de", "ja", "en", words) == "de"
    assert choose_language("", "ja-JP", "en", words) == "ja"
    assert choose_language("fr", "", "de", words) == "de"
    assert choose_language("fr", "ko", "ru", words) == "en"
    assert choose_language("", "", "", words) == "en"


def test_a_wider_or_neighbouring_tag_serves_where_the_very_one_is_missing() -> None:
    words = {"en", "zh-Hant", "zh", "pt-BR"}
    assert nearest("zh-TW", words) == "zh-Hant"
    assert nearest("zh-hant-hk", words) == "zh-Hant"
    assert nearest("zh-CN", words) == "zh"
    assert nearest("EN-gb", words) == "en"
    assert nearest("pt", words) == nearest("pt-PT", words) == "pt-BR"
    assert nearest("p", words) == nearest("", words) == nearest("-", words) == ""


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_words_at_all_lead_to_a_language_that_there_is(person: str, mail: str, policy: str) -> None:
    assert choose_language(person, mail, policy, {"en", "ja"}) in {"en", "ja"}


@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    message = index(b"Content-Language: " + value + b"\r\nContent-Type: text/plain; charset=" + value + b"\r\n\r\n")
    assert isinstance(language_of(message, parts_of(message)), str)
