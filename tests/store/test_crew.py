from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from store.samples import block_of, grant, tolds_in

from relay.address import Address
from relay.store.crew import Crew
from relay.store.port import StoreUnavailableError
from relay.store.told import Block, Parsed, told_of

PER_BLOCK = 50


def blocks(count: int, people: int = 400) -> Iterator[Block]:
    for number in range(count):
        told = [
            told_of(
                grant(Address(f"p{(number * PER_BLOCK + place) * 7 % people}", "example.com"), source=str(number)), 1
            )
            for place in range(PER_BLOCK)
        ]
        yield block_of(number, told)


def read(crew: Crew, given: Iterator[Block]) -> tuple[int, list[tuple[int, int, int]]]:
    extras: list[tuple[int, int, int]] = []
    rows = crew.read(given, lambda _, parsed: extras.append(parsed.extra))
    return rows, extras


def told_by(crew: Crew) -> list[tuple[str, str]]:
    """Key and source of all rows, as they come."""
    return [
        (row[0], part.shape(row)[4])
        for bundle in crew.bundles()
        for part in (bundle.yeses, bundle.noes)
        for row in part.rows
    ]


def test_several_processes_read_and_the_same_comes_out_as_with_none(tmp_path: Path) -> None:
    with Crew(tolds_in, tmp_path, 2, small=0) as crew, Crew(tolds_in, tmp_path, 0, small=0) as alone:
        rows, extras = read(crew, blocks(30))
        assert rows == read(alone, blocks(30))[0] == 30 * PER_BLOCK
        assert [number for number, _, _ in extras] == list(range(30))
        processes = {process for _, _, process in extras}
        assert len(processes) == 2
        assert os.getpid() not in processes
        assert list(tmp_path.iterdir()) == []  # what is put aside has no name
        together = told_by(crew)
        assert sorted(together) == sorted(told_by(alone))
    for person in {wide for wide, _ in together}:
        sources = [int(source) for wide, source in together if wide == person]
        assert sources == sorted(sources)


def test_a_short_list_is_read_here(tmp_path: Path) -> None:
    with Crew(tolds_in, tmp_path, 2, small=1 << 20) as crew:
        _, extras = read(crew, blocks(3))
        assert {process for _, _, process in extras} == {os.getpid()}
        assert len(told_by(crew)) == 3 * PER_BLOCK


def stumble(at: int, block: Block) -> Parsed:
    if block[0] == at:
        raise KeyError("no such column")
    return tolds_in(block)


@pytest.mark.parametrize("at", [0, 40])
def test_what_goes_wrong_in_a_process_is_told(tmp_path: Path, at: int) -> None:
    with (
        Crew(partial(stumble, at), tmp_path, 2, small=0) as crew,
        pytest.raises(RuntimeError, match="KeyError: 'no such column'"),
    ):
        read(crew, blocks(60))


def die(at: int, block: Block) -> Parsed:
    if block[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return tolds_in(block)


@pytest.mark.parametrize("at", [0, 40])
def test_a_process_that_is_killed_ends_the_import_in_words(tmp_path: Path, at: int) -> None:
    with (
        Crew(partial(die, at), tmp_path, 2, small=0) as crew,
        pytest.raises(StoreUnavailableError, match=r"exit code -9.*it goes on where it ended"),
    ):
        read(crew, blocks(60))


def chatty(block: Block) -> Parsed:
    return Parsed([], extra="x" * 500_000)


def test_long_answers_and_long_blocks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with Crew(chatty, tmp_path, 2, small=0) as crew:
        octets = 0

        def heard(length: int, parsed: Parsed) -> None:
            nonlocal octets
            octets += length + len(parsed.extra)

        crew.read(((number, bytes(500_000)) for number in range(20)), heard)
        assert octets == 20 * 1_000_000


def test_no_process_outlives_an_import_that_is_given_up(tmp_path: Path) -> None:
    with Crew(tolds_in, tmp_path, 2, small=0) as crew:
        _, extras = read(crew, blocks(30))
        next(iter(crew.bundles()))
    for process in {process for _, _, process in extras}:
        assert not Path(f"/proc/{process}").exists()


def test_a_folder_that_cannot_be_used_is_an_outage(tmp_path: Path) -> None:

    with (
        Crew(tolds_in, tmp_path / "missing", 0, small=0) as crew,
        pytest.raises(StoreUnavailableError, match="No such file"),
    ):
        read(crew, blocks(1))
