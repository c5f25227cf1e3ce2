from __future__ import annotations

import hashlib

import pytest
from cli.shop import Shop

WORDS = "新商品のお知らせを受け取ります。\nいつでも停止できます。"
HASH = hashlib.sha256(WORDS.encode()).hexdigest()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "2026-03-01T09:00:00Z")


def test_a_text_is_kept_with_its_period_and_a_picture_of_the_form(shop: Shop) -> None:
    shop.run("db", "migrate")
    file, picture = shop.file("form.txt", f"\ufeff{WORDS}\r\n"), shop.file("form.png", PNG)
    period = ("--from", "2024-04-01", "--until", "2025-03-31", "--timezone", "Asia/Tokyo")
    added = shop.run("consent", "wording", "add", file, "--language", "ja", *period, "--picture", picture)
    assert (added.code, added.out) == (
        0,
        f"kept as {HASH}; shown from 2024-03-31 15:00 UTC until 2025-03-30 15:00 UTC\n",
    )
    shown = shop.run("consent", "wording", "show", HASH[:6], "--picture", "out.png")
    assert WORDS in shown.out
    assert "image/png" in shown.out
    assert (shop.folder / "out.png").read_bytes() == PNG
    assert shown.err == "picture written to out.png\n"
    assert shop.run("consent", "wording", "show", HASH, "--json").json == {
        "hash": HASH,
        "text": WORDS,
        "language": "ja",
        "uses": 0,
        "first_at": None,
        "last_at": None,
        "shown_from": "2024-03-31T15:00:00+00:00",
        "shown_until": "2025-03-30T15:00:00+00:00",
        "picture": {"type": "image/png", "octets": len(PNG)},
    }


def test_the_list_tells_how_many_agreed_and_when(shop: Shop) -> None:
    for person in ("ann@example.com", "bob@example.com"):
        shop.run("consent", "grant", person, *GRANT, "--wording", WORDS, "--language", "ja")
    answer = shop.run("consent", "wording", "list")
    assert f"{HASH[:12]} [ja]  agreed to 2 times; agreed to on 2026-03-01" in answer.out
    assert WORDS.splitlines()[0] in answer.out
    assert [one["uses"] for one in shop.run("consent", "wording", "list", "--json").json] == [2]


def test_a_second_description_keeps_what_the_first_said(shop: Shop) -> None:
    shop.run("db", "migrate")
    file = shop.file("form.txt", WORDS)
    shop.run("consent", "wording", "add", file, "--from", "2024-04-01")
    shop.run("consent", "wording", "add", file, "--until", "2025-03-31")
    found = shop.run("consent", "wording", "show", HASH, "--json").json
    assert (found["shown_from"][:10], found["shown_until"][:10]) == ("2024-04-01", "2025-03-31")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show",), 2, "name a hash"),
        (("add",), 2, "name a file"),
        (("show", "12345"), 2, "give 6 digits"),
        (("show", "123456"), 1, "no wording has the hash"),
        (("add", "nothing.txt"), 1, "No such file"),
        (("add", "empty.txt"), 1, "has no words"),
        (("add", "latin.txt"), 1, "not text in UTF-8"),
        (("add", "long.txt"), 1, "longer than"),
        (("add", "form.txt", "--picture", "form.txt"), 1, "is no PNG, JPEG, WebP or PDF"),
        (("add", "form.txt", "--from", "2025-01-01", "--until", "2024-01-01"), 2, "lies before --from"),
        (("add", "form.txt", "--from", "soon"), 2, "is not a time"),
        (("add", "form.txt", "--from", "2999-01-01"), 2, "lies in the future"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(shop: Shop, arguments: tuple[str, ...], code: int, words: str) -> None:
    shop.run("db", "migrate")
    for name, content in (
        ("form.txt", WORDS.encode()),
        ("empty.txt", b" \n"),
        ("latin.txt", b"\xfc"),
        ("long.txt", b"a" * 30_000),
    ):
        shop.file(name, content)
    answer = shop.run("consent", "wording", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert answer.err.count("\n") == 1
    assert shop.run("consent", "wording", "list", "--json").json == []
