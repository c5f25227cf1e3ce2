from __future__ import annotations

from relay.message.own_footer import HTML_BEGIN, HTML_END, PLAIN_RULE


def test_the_marks_are_short_ascii_and_differ() -> None:
    marks = {PLAIN_RULE, HTML_BEGIN, HTML_END}
    assert len(marks) == 3
    assert all(mark.isascii() and len(mark) < 70 for mark in marks)
