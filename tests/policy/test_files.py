from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from policy.problems import problems_of

from relay.config.toml import ProblemsError
from relay.message.wording import WORDINGS
from relay.policy.files import load_policies, load_profiles
from relay.policy.model import Policies

Load = Callable[..., Policies]
Write = Callable[..., Path]
SHIPPED = Path(__file__).parents[2] / "policies"


def test_streams_come_in_order_of_their_files(load: Load, newsletter_text: str, receipts_text: str) -> None:
    policies = load(b=newsletter_text, a=receipts_text)

    assert [stream.id for stream in policies.streams] == ["receipts", "newsletter"]


def test_the_shipped_policies_load() -> None:
    assert set(load_policies(SHIPPED).by_id) >= {"newsletter", "receipts", "system"}


def test_every_key_that_the_shipped_newsletter_only_mentions_can_be_switched_on(load: Load) -> None:
    text = (SHIPPED / "newsletter.toml").read_text()
    before_footer, _, _ = text.partition("# [footer.fr]")
    mentioned = re.findall(r"^# ([a-z_]+) = ", before_footer, flags=re.MULTILINE)
    text = text.replace(before_footer, re.sub(r"^# (?=[a-z_]+ = )", "", before_footer, flags=re.MULTILINE))

    stream = load(newsletter=text).streams[0]
    assert [
        key
        for key in mentioned
        if not {f"{table}.{key}" for table in ("sender", "consent", "hold", "message")} & set(stream.origins)
    ] == []
    assert {"stop_address", "amp", "charset", "feedback_id", "cfbl_address", "inquiry_within"} <= set(mentioned)


def test_hidden_files_other_files_and_folders_are_left_alone(write: Write, newsletter_text: str) -> None:
    folder = write(newsletter=newsletter_text)
    (folder / ".#newsletter.toml").write_text("not toml")
    (folder / "newsletter.toml~").write_text("not toml")
    (folder / "README.md").write_text("words")
    (folder / "old").mkdir()
    (folder / "old" / "old.toml").write_text("not toml")

    assert len(load_policies(folder).streams) == 1


def test_an_empty_folder_claims_nothing(tmp_path: Path) -> None:
    assert load_policies(tmp_path).streams == ()


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none") == [
        f"{tmp_path / 'none'}: there is no such folder, make it with consent-relay init"
    ]


def test_a_file_instead_of_the_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "policies").touch()

    assert problems_of(tmp_path / "policies") == [
        f"{tmp_path / 'policies'}: cannot be read (not a directory), check path and rights"
    ]


def test_two_files_cannot_share_a_stream_or_a_list_id(write: Write, newsletter_text: str) -> None:
    folder = write(a=newsletter_text, b=newsletter_text)

    assert problems_of(folder) == [
        'b.toml:4: stream.id: "newsletter" is already taken by a.toml:4, choose another one',
        ('b.toml:9: stream.list_id: "newsletter.brand.example" is already taken by a.toml:9, choose another one'),
    ]


def test_the_problems_of_all_files_are_told_at_once(write: Write, newsletter_text: str, receipts_text: str) -> None:
    folder = write(
        a=newsletter_text.replace("commercial", "comercial"), b="not toml", c=receipts_text.replace('"brand"', '"B"')
    )

    assert [line.split(":")[0] for line in problems_of(folder)] == ["a.toml", "b.toml", "c.toml"]


@pytest.fixture
def worded(write: Write, newsletter_text: str) -> Path:
    """A folder whose policy names footers/ja.txt, which is not there yet; the policy itself is a link."""
    folder = write(original=newsletter_text + '[footer.ja]\ntext = "footers/ja.txt"\n')
    policies = folder / "policies"
    (policies / "footers").mkdir(parents=True)
    (policies / "newsletter.toml").symlink_to(folder / "original.toml")
    return policies


def test_templates_lie_beside_the_name_of_the_policy_wherever_its_link_leads(worded: Path) -> None:
    assert problems_of(worded) == [
        "newsletter.toml:21: footer.ja.text: there is no file footers/ja.txt, write it, or take the line out"
    ]
    (worded / "footers" / "ja.txt").write_text(WORDINGS["ja"].plain.replace("配信の停止", "解除"))

    (stream,) = load_policies(worded).streams
    assert "\n解除" in stream.footers["ja"].text


def test_a_link_inside_the_folder_is_as_good_as_a_file(worded: Path) -> None:
    (worded / "..data").mkdir()  # how Kubernetes lays out a ConfigMap
    (worded / "..data" / "ja.txt").write_text(WORDINGS["ja"].plain)
    (worded / "footers" / "ja.txt").symlink_to("../..data/ja.txt")

    assert load_policies(worded).streams[0].footers["ja"].text == WORDINGS["ja"].plain


def test_what_is_no_file_of_the_folder_is_not_read(worded: Path) -> None:
    file, place = worded / "footers" / "ja.txt", "newsletter.toml:21: footer.ja.text: footers/ja.txt"
    outside = worded.parent / "secret"
    outside.write_text(WORDINGS["ja"].plain)

    def problem() -> str:
        (found,) = problems_of(worded)
        return found

    file.symlink_to(outside)
    assert problem() == f"{place} leads out of {worded}, put the file itself there"
    file.unlink()
    file.symlink_to("/dev/zero")
    assert problem() == f"{place} leads out of {worded}, put the file itself there"
    file.unlink()
    file.symlink_to("ja.txt")
    assert problem().startswith(f"{place} cannot be read (too many")
    file.unlink()
    os.mkfifo(file)
    assert problem() == f"{place} is not a file, name a file with a template"
    file.unlink()
    file.mkdir()
    assert problem() == f"{place} is not a file, name a file with a template"
    file.rmdir()
    (worded / "footers").rmdir()
    (worded / "footers").write_text("a file")
    assert problem() == f"{place} cannot be read (not a directory), check path and rights"


def test_a_huge_template_is_not_read_whole(worded: Path) -> None:
    with (worded / "footers" / "ja.txt").open("wb") as huge:
        huge.truncate(1 << 40)

    (found,) = problems_of(worded)
    assert found.startswith("footers/ja.txt: is larger than 65536 octets")


def test_a_profile_of_the_folder_stands_in_for_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    own = tmp_path / "profiles" / "jp.toml"
    own.write_text('version = 1\n[profile]\nid = "jp"\ntitle = "Our own reading"\n')

    profiles = load_profiles(tmp_path / "profiles")

    assert profiles["jp"].title == "Our own reading"
    assert profiles["eu"].title.startswith("European Union")


def test_a_profile_is_named_as_its_file(tmp_path: Path) -> None:
    own = tmp_path / "uk.toml"
    own.write_text('version = 1\n[profile]\nid = "gb"\ntitle = "United Kingdom"\n')

    with pytest.raises(ProblemsError, match=r'profile\.id: is "gb", but the file is called uk\.toml, write id = "uk"'):
        load_profiles(tmp_path)


def test_a_broken_profile_is_a_problem_of_the_policies(write: Write, newsletter_text: str) -> None:
    folder = write(newsletter=newsletter_text)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "jp.toml").write_text("version = 1\n")

    assert problems_of(folder) == ["profiles/jp.toml:1: profile: is missing, write it as [profile] with its keys below"]
