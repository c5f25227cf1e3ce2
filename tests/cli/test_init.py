from __future__ import annotations

from pathlib import Path

import pytest

from relay.cli import main
from relay.config.load import load_settings
from relay.config.settings import Mode
from relay.policy.files import load_policies


def written(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_init_writes_settings_policies_and_a_key_that_pass_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "relay"
    assert main(["init", str(folder), "--brand-domain", "shop.test"]) == 0
    printed = capsys.readouterr().out
    assert written(folder) >= {"relay.toml", "policies/newsletter.toml", "var/keys/shop.test.s1.pem"}
    assert "s1._domainkey.shop.test. IN TXT" in printed
    assert f"consent-relay serve -c {folder / 'relay.toml'}" in printed
    assert main(["check", "-c", str(folder / "relay.toml")]) == 0


def test_what_init_was_told_stands_in_the_settings(tmp_path: Path) -> None:
    arguments = [
        "--brand-domain",
        "shop.test",
        "--hostname",
        "out.shop.test",
        "--next-hop",
        "mx.shop.test:25",
        "--enforce",
    ]
    assert main(["init", str(tmp_path), *arguments, "--public-url", "https://mail.shop.test/"]) == 0
    settings = load_settings(tmp_path / "relay.toml", {})
    assert settings.identity.hostname == "out.shop.test"
    assert str(settings.next_hops[0].address) == "mx.shop.test:25"
    assert settings.mode is Mode.ENFORCE
    assert settings.web.public_url == "https://mail.shop.test"
    assert [key.key for key in settings.dkim["shop.test"]] == [tmp_path / "var" / "keys" / "shop.test.s1.pem"]


def test_the_first_day_refuses_nothing_that_no_policy_claims(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    assert load_settings(tmp_path / "relay.toml", {}).mode is Mode.OBSERVE


def test_the_policies_are_about_the_brands_domain(tmp_path: Path) -> None:
    main(["init", str(tmp_path), "--brand-domain", "shop.test"])
    streams = load_policies(tmp_path / "policies").by_id
    assert any("shop.test" in pattern for match in streams["newsletter"].matches for pattern in match.mail_from)
    assert not any("brand.example" in file.read_text() for file in (tmp_path / "policies").iterdir())


@pytest.mark.parametrize("present", ["relay.toml", "policies/newsletter.toml", "var/keys/brand.example.s1.pem"])
def test_nothing_is_written_over_and_nothing_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], present: str
) -> None:
    (tmp_path / present).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / present).write_text("mine")
    assert main(["init", str(tmp_path)]) == 1
    assert f"{tmp_path / present} exists already" in capsys.readouterr().err
    assert written(tmp_path) == {present}
    assert (tmp_path / present).read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--brand-domain", "shop_test"],
        ["--next-hop", "mx.shop.test"],
        ["--public-url", "mail.shop.test"],
        ["--hostname", "a b"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["init", str(tmp_path), *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err
    assert written(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file" / "below")]) == 1
    assert "Not a directory" in capsys.readouterr().err
