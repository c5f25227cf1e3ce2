from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.store.growing_file import copy, end_of_whole_lines, last_line, write_all

LINES = st.lists(st.integers(0, 40_000).map(lambda length: b"x" * length + b"\n"), max_size=4)


@given(LINES, st.integers(0, 40_000).map(lambda length: b"y" * length))
def test_the_last_whole_line_is_found_however_long_it_is_and_whatever_is_torn_behind_it(
    lines: list[bytes], torn: bytes
) -> None:
    assert last_line(io.BytesIO(b"".join(lines) + torn)) == (lines[-1] if lines else b"")
    file = os.memfd_create("lines")
    try:
        write_all(file, b"".join(lines) + torn)
        assert end_of_whole_lines(file) == sum(map(len, lines))
    finally:
        os.close(file)


def test_all_is_written_though_the_kernel_takes_little_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr("relay.store.growing_file.os.write", lambda file, octets: write(file, octets[:3]))
    with (tmp_path / "lines").open("wb") as file:
        write_all(file.fileno(), b"0123456789")
    assert (tmp_path / "lines").read_bytes() == b"0123456789"


def test_exactly_so_many_octets_are_copied_or_none_is_thought_to_be() -> None:
    source, into = io.BytesIO(bytes(range(256)) * 8192), io.BytesIO()
    source.seek(5)
    copy(source, into, (1 << 20) + 1)
    assert into.getvalue() == source.getvalue()[5 : (1 << 20) + 6]
    with pytest.raises(EOFError):
        copy(source, into, 1 << 21)
