from __future__ import annotations

from dataclasses import replace

from relay.consent.checking import MOST_FINDINGS, Checked, check_seal, check_unsealed, name_moved
from relay.consent.ledger import Row, Seal, digest, erase, line_of_row, seal_after

AT = 1_700_000_000_000_000


def line(number: int, address: str = "ann@example.com") -> Row:
    plain = (
        f"01J{number}",
        "grant",
        "brand",
        "newsletter",
        AT,
        AT,
        "cli",
        "written",
        None,
        None,
        None,
        None,
        "en",
        0,
        0,
    )
    return (number, *plain, address, "a fair", "", None, "", "", bytes([number % 256]) * 16, None, address.lower())


def sealed(*sizes: int) -> list[tuple[Seal, list[Row]]]:
    stretches: list[tuple[Seal, list[Row]]] = []
    first, before = 1, None
    for size in sizes:
        rows = [line(number) for number in range(first, first + size)]
        before = seal_after(before, [digest(row) for row in rows], AT)
        stretches.append((before, rows))
        first += size
    return stretches


def check(stretches: list[tuple[Seal, list[Row]]]) -> Checked:
    found, before = Checked(), None
    for seal, rows in stretches:
        check_seal(found, before, seal, rows)
        before = seal
    return found


def words(found: Checked) -> list[str]:
    return [str(finding) for finding in found.findings]


def test_an_untouched_ledger_holds() -> None:
    found = check(sealed(3, 1, 4))
    assert words(found) == []
    assert found.lines == 8


def test_a_changed_line_is_named() -> None:
    stretches = sealed(3, 4)
    row = list(stretches[1][1][2])
    row[2] = "renew"
    stretches[1][1][2] = tuple(row)
    assert words(check(stretches)) == ["line 6: changed: it is not what was recorded"]


def test_a_missing_line_is_named() -> None:
    stretches = sealed(3, 4)
    del stretches[0][1][1]
    assert words(check(stretches)) == ["line 2: missing"]


def test_a_wide_key_of_somebody_else_is_named() -> None:
    stretches = sealed(3)
    stretches[0][1][1] = (*stretches[0][1][1][:-1], "bob@example.com")
    assert words(check(stretches)) == ["line 2: changed: its wide key is not that of its address"]


def test_an_erased_line_holds_as_long_as_its_wide_key_is_gone_too() -> None:
    stretches = sealed(3)
    erased = (*erase(line_of_row(stretches[0][1][1]), ["address", "source"]).row, None)
    stretches[0][1][1] = erased
    assert words(check(stretches)) == []
    stretches[0][1][1] = (*erased[:-1], "ann@example.com")
    assert words(check(stretches)) == ["line 2: changed: its wide key is not that of its address"]


def test_exchanged_lines_are_told_where_they_were_recorded_also_under_other_seals() -> None:
    stretches = sealed(3, 4)
    (_, first), (_, second) = stretches
    first[0], second[3] = (1, *second[3][1:]), (7, *first[0][1:])
    found = check(stretches)
    assert len(found.findings) == 2
    assert name_moved(found.strange) == {
        1: "reordered: what stands here was recorded as line 7",
        7: "reordered: what stands here was recorded as line 1",
    }


def test_lines_that_moved_up_are_told_from_changed_ones() -> None:
    ((seal, rows),) = sealed(4)
    moved = [rows[0], *((number, *row[1:]) for number, row in enumerate(rows[2:], 2))]
    found = check([(seal, moved)])
    assert name_moved(found.strange) == {
        2: "reordered: what stands here was recorded as line 3",
        3: "reordered: what stands here was recorded as line 4",
        4: "missing: it stands at line 3 now",
    }


def test_a_changed_mark_is_not_a_changed_line() -> None:
    stretches = sealed(3)
    seal, rows = stretches[0]
    found = check([(replace(seal, marks=bytes(8) + seal.marks[8:]), rows)])
    assert words(found) == ["seal 1 (lines 1 to 3): changed: its marks are not those of its lines, which hold"]


def test_whatever_is_changed_in_a_seal_is_found() -> None:
    stretches = sealed(3, 2, 2)
    seal, rows = stretches[1]
    for changed in (
        replace(seal, at=seal.at + 1),
        replace(seal, hash=bytes(32)),
        replace(seal, first=3),
        replace(seal, last=6),
        replace(seal, last=0),
        replace(seal, last=2**62),
        replace(seal, marks=b""),
        replace(seal, marks=seal.marks + bytes(8)),
    ):
        found = check([stretches[0], (changed, rows), stretches[2]])
        assert found.findings[0].about.startswith("seal 2")


def test_a_missing_seal_is_named_and_the_lines_behind_it_are_still_looked_at() -> None:
    stretches = sealed(3, 2, 2)
    stretches[2][1][0] = (*stretches[2][1][0][:2], "renew", *stretches[2][1][0][3:])
    assert words(check([stretches[0], stretches[2]])) == [
        "seal 2: missing: the next one has the number 3",
        "line 6: changed: it is not what was recorded",
    ]
    assert words(check(stretches[1:2])) == ["seal 1: missing: the next one has the number 2"]


def test_seals_in_each_others_place_are_found() -> None:
    stretches = sealed(2, 2, 2)
    (second, rows), (third, more) = stretches[1:]
    swapped = [(replace(third, number=2), more), (replace(second, number=3), rows)]
    assert check([stretches[0], *swapped]).findings


def test_a_line_rewritten_with_its_mark_is_found_by_the_hash() -> None:
    stretches = sealed(3)
    seal, rows = stretches[0]
    rows[1] = (*rows[1][:2], "renew", *rows[1][3:])
    marks = seal.marks[:8] + digest(rows[1])[:8] + seal.marks[16:]
    assert words(check([(replace(seal, marks=marks), rows)])) == [
        "seal 1 (lines 1 to 3): changed: it is not what was made of its lines and of the seal before it"
    ]


def test_lines_without_a_seal_are_all_there_and_are_lines() -> None:
    found = Checked()
    rows = [line(4), line(6), line(9)]
    rows[1] = (*rows[1][:22], b"short", *rows[1][23:])
    check_unsealed(found, 3, rows)
    assert words(found) == [
        "line 5: missing",
        "line 6: changed: its salt has another length",
        "lines 7 to 8: missing",
    ]


def test_findings_are_bounded_and_counted() -> None:
    stretches = sealed(MOST_FINDINGS + 50)
    found = check([(stretches[0][0], [])])
    assert len(found.findings) == MOST_FINDINGS
    assert found.more == 50
    every = Checked()
    every.add(found)
    every.add(found)
    assert len(every.findings) == MOST_FINDINGS
    assert every.more == 100 + MOST_FINDINGS
