from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.reply import MAX_LINE, Reply, one_line


def test_a_reply_is_written_as_one_line_with_its_codes() -> None:
    assert Reply(550, "5.7.1", "no").wire == b"550 5.7.1 no\r\n"


@pytest.mark.parametrize(
    ("code", "enhanced"),
    [(550, "4.7.1"), (451, "5.3.0"), (250, "4.0.0"), (354, "3.0.0"), (199, "1.0.0"), (600, "6.0.0")],
)
def test_codes_of_different_classes_are_refused(code: int, enhanced: str) -> None:
    with pytest.raises(ValueError, match=r"class|code"):
        Reply(code, enhanced, "text")


@pytest.mark.parametrize("text", ["", "two\r\nlines", "tab\t", "naïve", "nul\0", "x" * 500])
def test_text_that_would_break_the_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"text|longer"):
        Reply(250, "2.0.0", text)


def test_an_enhanced_code_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="enhanced"):
        Reply(550, "5.7", "text")


def test_replies_know_whether_to_try_again() -> None:
    assert Reply(250, "2.0.0", "ok").is_success
    assert Reply(451, "4.3.0", "later").is_temporary
    assert Reply(550, "5.1.1", "no").is_permanent


@given(st.text(), st.integers(min_value=4, max_value=400))
def test_any_text_becomes_one_printable_line_within_the_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert all(" " <= character <= "~" for character in line)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_every_reply_that_can_be_built_fits_an_smtp_line(text: str) -> None:
    try:
        reply = Reply(451, "4.111.111", text)
    except ValueError:
        assert len(text) > MAX_LINE - len("250 5.111.111 \r\n")
    else:
        assert len(reply.wire) <= MAX_LINE
