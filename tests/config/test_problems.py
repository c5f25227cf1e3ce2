from __future__ import annotations

from relay.config.problems import Problem, ProblemsError


def test_a_problem_is_one_line_with_file_line_key_and_both_halves() -> None:
    problem = Problem("relay.toml", 7, "next_hop.address", "lacks a port", 'write "mx.brand.example:25"')
    assert str(problem) == 'relay.toml:7: next_hop.address: lacks a port, write "mx.brand.example:25"'


def test_parts_that_are_not_known_are_left_out() -> None:
    assert str(Problem("relay.toml", 0, "", "there is no such file", "check the path")) == (
        "relay.toml: there is no such file, check the path"
    )
    assert str(Problem("relay.toml", 3, "", "the text is not closed")) == "relay.toml:3: the text is not closed"


def test_problems_come_sorted_by_line_and_once() -> None:
    late, early = Problem("a", 10, "x", "bad"), Problem("a", 9, "z", "bad")
    assert ProblemsError([late, early, late]).problems == (early, late)
    assert str(ProblemsError([late, early])) == "a:9: z: bad\na:10: x: bad"
