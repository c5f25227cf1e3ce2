from __future__ import annotations

import pytest
from cli.shop import Shop

ANN = "ann.smith@example.com"
SPELLED = "Ann.Smith+news@EXAMPLE.com"
GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "2026-03-01T09:00:00Z")


def known(shop: Shop) -> None:
    given = (
        "--source",
        "fair in Osaka",
        "--ip",
        "192.0.2.77",
        "--user-agent",
        "Browser/7",
        "--wording",
        "I, Ann, agree",
    )
    shop.run("consent", "grant", ANN, *GRANT, *given)
    shop.run("consent", "withdraw", SPELLED, "--stream", "newsletter", "--source", "letter of Ann")


def files_with(shop: Shop, text: str) -> list[str]:
    every = [file for file in (shop.folder / "var").rglob("*") if file.is_file()]
    return [file.name for file in every if text.encode() in file.read_bytes()]


def test_nothing_of_the_person_is_left_and_the_no_stands(shop: Shop) -> None:
    known(shop)
    shop.run("consent", "grant", "bob@example.com", *GRANT)
    answer = shop.run("consent", "erase", ANN, "--yes")
    assert answer.code == 0
    assert answer.out.startswith("erased: personal data in the ledger (2 lines), ")
    assert "not reached: the log" in answer.out
    needles = (ANN, "Smith", "fair in Osaka", "192.0.2.77", "Browser/7", "I, Ann, agree", "letter of Ann")
    assert {needle: found for needle in needles if (found := files_with(shop, needle))} == {}
    for spelling in (ANN, SPELLED, "ann.smith+other@example.com"):
        assert shop.standing(spelling)["reasons"] == ["withdrawn", "no-consent"]
    assert shop.standing("bob@example.com")["gets_mail"]


def test_the_same_list_again_brings_nobody_back(shop: Shop) -> None:
    rows = shop.file("people.csv", f"address,stream,basis,at\n{ANN},newsletter,double-opt-in,2026-03-01T09:00:00Z\n")
    shop.run("consent", "import", rows)
    assert shop.standing(ANN)["gets_mail"]
    shop.run("consent", "erase", ANN, "--yes")
    answer = shop.run("consent", "import", rows)
    assert "left out: 1 of people who asked to be erased" in answer.out
    assert not shop.standing(ANN)["gets_mail"]
    assert files_with(shop, "ann.smith") == []
    shop.run("consent", "grant", ANN, *GRANT[:4], "--at", "now", "--after-withdrawal")
    assert shop.standing(ANN)["gets_mail"]


def test_a_stranger_is_said_to_be_one_and_nothing_is_kept_of_the_question(shop: Shop) -> None:
    known(shop)
    answer = shop.run("consent", "erase", "zoe@example.com", "--yes")
    assert (answer.code, answer.out) == (1, "")
    assert "nothing is held of zoe@example.com" in answer.err
    assert files_with(shop, "zoe") == []
    assert shop.standing("zoe@example.com")["reasons"] == ["no-consent"]


def test_erasing_again_is_fine_and_says_so(shop: Shop) -> None:
    known(shop)
    assert shop.run("consent", "erase", ANN, "--yes", "--json").json["erased_before"] is False
    answer = shop.run("consent", "erase", SPELLED, "--yes")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "was erased before, and nothing has come since")
    assert shop.run("consent", "erase", ANN, "--yes", "--json").json["erased_before"] is True


def test_without_a_terminal_it_has_to_be_said_that_this_is_meant(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    known(shop)
    answer = shop.run("consent", "erase", ANN)
    assert answer.code == 2
    assert "--yes" in answer.err
    assert files_with(shop, ANN)


def test_at_a_terminal_the_address_is_typed_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    known(shop)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert shop.run("consent", "erase", ANN).code == 1
    assert files_with(shop, ANN)
    monkeypatch.setattr("builtins.input", lambda _: ANN)
    assert shop.run("consent", "erase", ANN).code == 0
    assert files_with(shop, ANN) == []


@pytest.mark.parametrize("reason", [f"asked by {ANN}", "x" * 201, "two\nlines", "Letter of ANN.SMITH today"])
def test_the_reason_names_nobody(shop: Shop, reason: str) -> None:
    known(shop)
    answer = shop.run("consent", "erase", ANN, "--yes", "--reason", reason)
    assert answer.code == 2
    assert files_with(shop, ANN)


def test_the_reason_stands_in_the_ledger(shop: Shop) -> None:
    known(shop)
    assert shop.run("consent", "erase", ANN, "--yes", "--reason", "file 2026/117").code == 0
    with shop.store() as committer:
        rows = committer.connection.execute("SELECT source FROM ledger WHERE kind = 'erase'").fetchall()
    assert rows == [("file 2026/117",)]


def test_a_list_takes_who_has_come_back_and_every_no(shop: Shop) -> None:
    header = "address,stream,basis,at,withdrawn_at"
    yes = f"{ANN},newsletter,double-opt-in,2026-03-01T09:00:00Z,"
    twice = shop.file("twice.csv", f"{header}\n{yes}\n{yes}\n{SPELLED},newsletter,written,2026-02-01T09:00:00Z,\n")
    no = shop.file("no.csv", f"{header}\n{SPELLED},newsletter,,,2026-03-02T09:00:00Z\n")
    known(shop)
    shop.run("consent", "erase", ANN, "--yes")
    for _ in range(2):
        counted = shop.run("consent", "import", twice, "--dry-run", "--json").json
        assert (counted["rows"], counted["erased"], counted["taken"]) == (3, 3, 0)
        assert shop.run("consent", "import", twice, "--json").json["erased"] == 3
    assert shop.run("consent", "import", no, "--json").json["taken"] == 1
    shop.run("consent", "grant", ANN, *GRANT[:4], "--at", "now", "--after-withdrawal")
    assert shop.run("consent", "import", twice, "--json").json["erased"] == 0
    assert shop.standing(ANN)["gets_mail"]
    assert not shop.standing(SPELLED)["gets_mail"]
