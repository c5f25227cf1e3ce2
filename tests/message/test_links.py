from __future__ import annotations

import pytest

from relay.message.links import MAIL, MAX_URL, URL


@pytest.mark.parametrize(
    "text", ["https://a.example/u/x?y=1&z=%20#f", "http://[::1]:8080/", "https://" + "x" * MAX_URL]
)
def test_web_addresses_are_links(text: str) -> None:
    assert URL.fullmatch(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)", "data:text/html,x", "//a.example/", "a.example", "https://", "https://a b.example/",
        "https://a.example/<b>", "https://a.example/\r\nX: y", "https://日本.example/", "https://" + "x" * (MAX_URL + 1),
    ],
)  # fmt: skip
def test_what_else_stands_where_a_link_could_is_none(text: str) -> None:
    assert not URL.fullmatch(text)


@pytest.mark.parametrize(
    ("text", "is_link"),
    [("care+x@brand.example", True), ("care@brand", True), ("@brand.example", False), ("care@", False), ("a b@c.example", False),
     ("a@b.example?bcc=c@d.example", False), ("a%0d@b.example", False), ("x" * 65 + "@b.example", False)],
)  # fmt: skip
def test_plain_mail_addresses_are_links(text: str, *, is_link: bool) -> None:
    assert bool(MAIL.fullmatch(text)) is is_link
