from __future__ import annotations

from relay.config.lines import Repeated, dotted, lines_of

FILE = b"""\
mode = "x"
"q.k".'z' = 1

[dkim."brand.example"]
key = [
  # why
  "one", "two",
  { b = 1, c.d = 2 },
]
[[listener]]
x = 1
[[listener.sub]]
y = 1
[[listener]]
[[listener.sub]]
y = 2
[listener.more]
z = 3
[a.b.c]
"""


def test_keys_tables_and_items_have_their_line() -> None:
    first = lines_of(FILE).first
    assert first["mode",] == 1
    assert first["q.k", "z"] == 2
    assert first["dkim",] == 4
    assert first["dkim", "brand.example"] == 4
    assert first["dkim", "brand.example", "key"] == 5
    assert first["dkim", "brand.example", "key", 1] == 7
    assert first["dkim", "brand.example", "key", 2, "c", "d"] == 8
    assert first["a", "b"] == 19


def test_tables_that_stand_often_are_counted_also_below_each_other() -> None:
    first = lines_of(FILE).first
    assert first["listener", 0, "x"] == 11
    assert first["listener", 0, "sub", 0, "y"] == 13
    assert first["listener", 1] == 14
    assert first["listener", 1, "sub", 0, "y"] == 16
    assert first["listener", 1, "more", "z"] == 18


def test_what_stands_twice_is_told_with_both_lines() -> None:
    repeated = lines_of(b"a = 1\n[t]\nb = 1\nb = 2\n[t]\n").repeated
    assert repeated == (Repeated(("t", "b"), 3, 4, is_table=False), Repeated(("t",), 2, 5, is_table=True))
    for mixed in (b"[t]\n[[t]]\n", b"[[t]]\n[t]\n"):
        assert lines_of(mixed).repeated == (Repeated(("t",), 1, 2, is_table=True),)
    assert not lines_of(FILE).repeated


def test_a_broken_file_is_read_as_far_as_it_goes() -> None:
    assert lines_of(b'[web]\naddress = "x\n[[[\n\x00 = \xff').first["web",] == 1


def test_a_location_is_written_as_in_the_file_without_numbers() -> None:
    assert dotted(("dkim", "brand.example", 1, "key")) == 'dkim."brand.example".key'
    assert dotted(()) == ""
