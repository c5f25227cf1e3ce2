"""`consent-relay rewrite`: what would be sent, to standard output, beside the original, or as facts."""

from __future__ import annotations

import io
import re
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.shop import Answer, Shop

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TO = ("--stream", "newsletter", "--to", "taro@customer.example")
MAIL = (
    "From: News <news@news.brand.example>\nTo: you@example.org\nSubject: Spring\nList-Unsubscribe: <mailto:a@b.example>\n"
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nIt is spring. 春です。\n"
    "--b\nContent-Type: image/png\nContent-Disposition: attachment\n\nPNG\n--b--\n"
)


def rewrite(shop: Shop, mail: str | bytes = MAIL, *options: str) -> Answer:
    return shop.run("rewrite", shop.file("mail.eml", mail), *TO, *options)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_message_is_printed_as_it_would_be_sent_and_nothing_is_written(shop: Shop) -> None:
    shop.file("mail.eml", MAIL)
    before = snapshot(shop.folder)
    answer = rewrite(shop)
    assert answer.code == 0
    assert "List-Unsubscribe: <http://127.0.0.1:8025/u/PREVIEW-NOT-A-LIVE-LINK-" in answer.out
    assert "<mailto:a@b.example>" not in answer.out
    assert "It is spring. 春です。\n" in answer.out
    assert "ブランド株式会社" in answer.out
    assert "the links are dead" in answer.err
    assert snapshot(shop.folder) == before


def test_lines_end_as_they_did_in_the_file_or_as_on_the_wire(shop: Shop) -> None:
    assert "\r" not in rewrite(shop).out
    for answer in (rewrite(shop, MAIL, "--crlf"), rewrite(shop, MAIL.replace("\n", "\r\n"))):
        assert answer.out.count("\r\n") == answer.out.count("\n") > 10
    mixed = MAIL.replace("PNG\n", "PNG\r\n")
    assert "\r" not in rewrite(shop, mixed).out


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (MAIL.replace("It is", "It\ris").encode(), "550 5.6.0 the message has a CR or LF of its own"),
        (MAIL.replace("\n", "\r\n").replace("It is", "It\nis").encode(), "550 5.6.0"),
        (MAIL.replace("It is", "It\0is").encode(), "550 5.6.0"),
        (MAIL.replace("It is", 70_000 * "x").encode(), "500 5.6.0 a line of the message is too long"),
        ((".\n" + MAIL.replace("It is", "It\0is")).encode(), "550 5.6.0"),
        ((60 * "Received: by x; now\n" + MAIL).encode(), "554 5.4.6 too many Received fields"),
    ],
)
def test_what_the_listener_would_refuse_is_said(shop: Shop, mail: bytes, why: str) -> None:
    assert f"the relay would not take this message: {why}" in rewrite(shop, mail).err


@pytest.mark.parametrize("mail", [MAIL, MAIL.removesuffix("\n"), MAIL.replace("It is", "It\n.\n.is"), ".x\n\n.\n"])
def test_nothing_is_said_of_what_the_listener_would_take(shop: Shop, mail: str) -> None:
    assert "would not take" not in rewrite(shop, mail).err


def test_of_mail_that_needs_no_consent_nothing_is_said_about_one(shop: Shop) -> None:
    answer = shop.run("rewrite", shop.file("mail.eml", MAIL), "--stream", "receipts", "--to", "hanako@example.org")
    assert (answer.code, answer.err) == (0, "")


def test_a_message_may_come_from_standard_input(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAIL.encode())))
    assert "It is spring." in shop.run("rewrite", "-", *TO).out


def test_a_terminal_gets_text_that_it_cannot_obey(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    evil = MAIL.replace("Spring", "\x1b[31mSpring").replace("\n", "\r\n").encode() + b"\xff\x9b"
    out = rewrite(shop, evil, "--crlf").out
    assert "\\x1b[31mSpring" in out
    assert "\\xff\\x9b" in out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)


def test_the_result_can_be_written_to_a_file_but_not_over_the_message(shop: Shop) -> None:
    printed = rewrite(shop).out
    target = shop.folder / "out.eml"
    answer = rewrite(shop, MAIL, "--output", str(target))
    assert (answer.code, answer.out) == (0, "")
    dates = re.compile(r"\d\d:\d\d:\d\d")
    assert dates.sub("", target.read_text("utf-8")) == dates.sub("", printed)
    for bad, why in (
        (str(shop.folder / "mail.eml"), "the message itself"),
        (str(shop.folder), "directory"),
        ("no/x", "No such"),
    ):
        answer = rewrite(shop, MAIL, "--output", bad)
        assert answer.code == 2
        assert why in answer.err
    assert (shop.folder / "mail.eml").read_text("utf-8") == MAIL


def test_the_difference_is_shown_side_by_side(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    out = rewrite(shop, MAIL, "--diff").out
    assert out.startswith("footer: added\nheader fields\n- List-Unsubscribe: <mailto:a@b.example>")
    assert re.search(r"^part 1 text/plain, 7bit, utf-8: 26 -> [0-9,]+ octets$", out, re.MULTILINE)
    assert re.search(r"^  It is spring. 春です。 +It is spring. 春です。$", out, re.MULTILINE)
    assert re.search(r"^ +\+ .*ブランド株式会社", out, re.MULTILINE)
    assert "part 2 image/png, 7bit: 3 octets, untouched" in out


def test_a_terminal_of_another_charset_is_no_reason_to_stop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(narrow, encoding="ascii"))
    assert shop.run("rewrite", shop.file("mail.eml", MAIL), *TO, "--diff").code == 0
    sys.stdout.flush()
    assert b"It is spring. ???" in narrow.getvalue()


def test_the_facts_are_told_to_programs(shop: Shop) -> None:
    facts = rewrite(shop, MAIL.replace("春です", "{{why}}"), "--json").json
    assert facts["result"] == "rewritten"
    assert facts["footer"] == {"how": "added", "why": ""}
    assert facts["placeholders"] == ["why"]
    assert facts["fields"]["removed"] == [{"name": "List-Unsubscribe", "value": "<mailto:a@b.example>"}]
    names = [one["name"] for one in facts["fields"]["added"]]
    assert {"Received", "Date", "Message-ID", "List-Unsubscribe", "List-Id"} <= set(names)
    text, image = facts["parts"]
    assert (text["changed"], image["changed"]) == (True, False)
    assert text["before"]["type"] == "text/plain"
    assert text["after"]["octets"] > text["before"]["octets"]
    assert facts["octets"]["after"] > facts["octets"]["before"]
    assert facts["signed_by"] == []


def test_who_agreed_when_and_where_comes_from_the_ledger(shop: Shop) -> None:
    day = datetime.now(UTC) - timedelta(days=10)
    shop.run("db", "migrate")
    answer = rewrite(shop)
    assert "no consent of taro@customer.example is recorded" in answer.err
    shop.run(
        "consent", "grant", "taro@customer.example", "--stream", "newsletter", "--basis", "double-opt-in", "--act", "clicked",
        "--at", day.isoformat(), "--form-url", "https://brand.example/form", "--source", "test", "--language", "en",
    )  # fmt: skip
    before = snapshot(shop.folder / "var")
    answer = rewrite(shop)
    assert "no consent" not in answer.err
    assert "https://brand.example/form" in answer.out
    assert {name: octets for name, octets in snapshot(shop.folder / "var").items() if "-shm" not in name} == {
        name: octets for name, octets in before.items() if "-shm" not in name
    }


def test_a_store_that_cannot_be_read_counts_as_no_consent(shop: Shop) -> None:
    assert "as if no consent were recorded" in rewrite(shop).err
    (shop.folder / "var").mkdir()
    shop.file("var/relay.db", "nonsense" * 100)
    answer = rewrite(shop)
    assert answer.code == 0
    assert "as if no consent were recorded" in answer.err


def test_a_consent_can_be_assumed_for_the_preview(shop: Shop) -> None:
    answer = rewrite(shop, MAIL, "--consented", "2026-03-31", "--language", "en")
    assert "no consent" not in answer.err
    assert "2026" in answer.out
    assert "no longer" in answer.out or "stop" in answer.out.lower()


def test_shadow_mode_passes_the_message_as_it_came_unless_it_is_to_be_enforced(shop: Shop) -> None:
    policy = shop.folder / "policies" / "newsletter.toml"
    policy.write_text(
        re.sub(
            r"(?m)^kind = .*$", r'\g<0>\nmode = "shadow"', re.sub(r"(?m)^mode = .*\n", "", policy.read_text("utf-8"))
        ),
        "utf-8",
    )
    answer = rewrite(shop)
    assert answer.out == MAIL
    assert "--enforced" in answer.err
    assert rewrite(shop, MAIL, "--json").json["result"] == "unchanged"
    assert "PREVIEW" in rewrite(shop, MAIL, "--enforced").out


def test_what_cannot_carry_the_footer_ends_in_one_line_with_a_remedy(shop: Shop) -> None:
    signed = MAIL.replace("multipart/mixed", "multipart/signed")
    answer = rewrite(shop, signed)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[-1].endswith('newsletter.toml could say message.undisclosable = "wrap"')
    answer = rewrite(shop, signed, "--json")
    assert answer.code == 1
    assert answer.json["result"] == "undisclosable"
    assert "signed" in answer.json["why"]


def test_a_remedy_is_one_that_the_laws_of_the_policy_allow(shop: Shop) -> None:
    report = MAIL.replace("multipart/mixed", "multipart/report")
    assert "could say" not in rewrite(shop, report).err  # the shipped policy follows a law that wants a footer in all
    policy = shop.folder / "policies" / "newsletter.toml"
    policy.write_text(re.sub(r"(?m)^profiles = .*\n", "", policy.read_text("utf-8")), "utf-8")
    assert rewrite(shop, report).err.endswith('could say message.undisclosable = "headers-only"\n')


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["mail.eml", "--stream", "newsleter", "--to", "a@b.example"], 'did you mean "newsletter"?'),
        (["mail.eml", "--stream", "xyz", "--to", "a@b.example"], "there are: "),
        (["mail.eml", "--stream", "newsletter", "--to", "nobody"], "the address cannot be used"),
        (["nowhere.eml", *TO], "nowhere.eml: No such file"),
        ([".", *TO], "Is a directory"),
        (["a\0b", *TO], "not the name of a file"),
        (["empty.eml", *TO], "empty"),
        (["mail.eml", *TO, "--consented", "soon"], "--consented"),
        (["mail.eml", *TO, "--consented", "2999-01-01"], "future"),
        (["mail.eml", *TO, "--language", "ja"], "--consented"),
        (["mail.eml", *TO, "--diff", "--json"], "not allowed with"),
        (["mail.eml", "--stream", "newsletter"], "--to"),
    ],
)
def test_wrong_usage_is_one_line_and_2(shop: Shop, arguments: list[str], why: str) -> None:
    shop.file("mail.eml", MAIL)
    shop.file("empty.eml", "")
    answer = shop.run("rewrite", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert why in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err


def test_a_message_larger_than_the_relay_takes_is_not_rewritten(shop: Shop) -> None:
    config = shop.file("relay.toml", "[limits]\nmessage_size = 65536\n")
    answer = rewrite(shop, MAIL + "x" * 70_000, "-c", config)
    assert answer.code == 2
    assert "larger than limits.message_size" in answer.err


@pytest.mark.parametrize(
    "octets",
    [
        b"\n", b"\r\n\r\n", b"no header at all", b"\0" * 1000, bytes(range(256)) * 10, b"From: a\nContent-Type: text/plain; charset=x\n\n\xff",
        b"A: b\n" * 3000 + b"\nx", b"From: (((((\nContent-Type: multipart/mixed; boundary=b\n\n--b\n--b--\n--b\n", b"List-Unsubscribe: " + b"x" * 5000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--crlf", "--diff", "--json"])
def test_nothing_in_a_file_ends_in_a_traceback(shop: Shop, octets: bytes, option: str) -> None:
    target = str(shop.folder / "out")  # any octets may come out, and standard output of a test is text
    answer = rewrite(shop, octets, option, "--output", target)
    assert answer.code in (0, 1, 2)
    assert "Traceback" not in answer.err
    assert len([line for line in answer.err.splitlines() if line.startswith("consent-relay rewrite:")]) <= 3


def test_the_commands_in_the_readme_work_as_written(shop: Shop) -> None:
    section = README.partition("## See what would be sent")[2].partition("\n## ")[0]
    commands = [line for line in section.splitlines() if line.startswith("consent-relay rewrite ")]
    assert len(commands) >= 2
    shop.file("relay.toml", "")
    shop.file("spring.eml", MAIL)
    for command in commands:
        answer = shop.run(*shlex.split(command)[1:])
        assert answer.code == 0, answer.err
        assert "PREVIEW-NOT" in answer.out
    for option in re.findall(r"`(--[a-z]+)", section):
        assert option in shop.run("rewrite", "--help").out
