from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.load import load, load_settings, loaded_again, shipped_policies
from relay.config.settings import HostPort, Mode
from relay.config.toml import ProblemsError

EVERYTHING = """\
mode = "observe"
policies = "rules"
[identity]
hostname = "relay.brand.example"
mail_domain = "mail.brand.example"
[[listener]]
address = "0.0.0.0:25"
[[client]]
name = "mautic"
networks = ["10.0.0.0/8"]
senders = ["*@brand.example"]
retries = true
refusal = "hold"
owner = "team@brand.example"
[[next_hop]]
address = "mx.brand.example:25"
connect_timeout = "5s"
[store]
url = "sqlite:////srv/relay/relay.db"
[web]
address = "127.0.0.1:80"
[dkim.default]
selector = "s1"
key = "k.pem"
[[dkim."Brand.Example"]]
selector = "s2"
key = "/keys/k.pem"
[[dkim."Brand.Example"]]
selector = "s3"
key = "k3.pem"
domain = "other.example"
[log]
path = "log/relay.log"
[addresses]
loose_domains = ["Old.Example"]
"""


def test_the_embedded_defaults_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, {})
    assert [str(listener.address) for listener in settings.listeners] == ["127.0.0.1:2525"]
    assert [(client.name, str(client.networks[0])) for client in settings.clients] == [("local", "127.0.0.0/8")]
    assert [str(hop.address) for hop in settings.next_hops] == ["127.0.0.1:25"]
    assert settings.store.path == tmp_path / "var" / "relay.db"
    assert settings.store.journal == tmp_path / "var" / "withdrawals.journal"
    assert settings.keys.tokens == tmp_path / "var" / "keys" / "tokens"
    assert (settings.web.address, settings.web.public_url) == (HostPort("127.0.0.1", 8025), "http://127.0.0.1:8025")
    assert settings.policies == shipped_policies()
    assert settings.file is None


def test_policies_of_the_folder_stand_before_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}).policies == tmp_path / "policies"


def test_everything_set_in_the_file_arrives(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(EVERYTHING)
    settings = load_settings(file, {})
    assert settings.mode is Mode.OBSERVE
    assert settings.policies == tmp_path / "rules"
    assert settings.identity.mail_domain == "mail.brand.example"
    client = settings.clients[0]
    assert (client.retries, client.refusal, str(client.owner)) == (True, "hold", "team@brand.example")
    assert settings.next_hops[0].timeouts.connect.total_seconds() == 5
    assert settings.store.path == Path("/srv/relay/relay.db")
    assert settings.store.journal == Path("/srv/relay/withdrawals.journal")
    assert settings.log.path == str(tmp_path / "log" / "relay.log")
    assert settings.addresses.loose_domains == {"old.example"}


def test_dkim_keys_know_the_domain_that_signs(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(EVERYTHING)
    dkim = load_settings(file, {}).dkim
    assert [(key.domain, key.selector, key.key) for key in dkim["default"]] == [
        ("mail.brand.example", "s1", tmp_path / "k.pem")
    ]
    assert [(key.domain, key.selector, key.key) for key in dkim["brand.example"]] == [
        ("brand.example", "s2", Path("/keys/k.pem")),
        ("other.example", "s3", tmp_path / "k3.pem"),
    ]


def test_relative_paths_start_at_the_folder_of_the_file_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "relay.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("etc/relay.toml"), {})
    assert settings.folder == tmp_path / "etc"
    assert settings.store.path == tmp_path / "etc" / "var" / "relay.db"


def test_a_file_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="there is no such file"):
        load_settings(tmp_path / "relay.toml", {})


def test_a_broken_table_does_not_hide_clashes_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[limits]\nrecipients = 0\n[[client]]\nname = "a"\n[[client]]\nname = "a"\n')
    with pytest.raises(ProblemsError) as caught:
        load_settings(file, {})
    assert [problem.line for problem in caught.value.problems] == [2, 3, 5]


def test_settings_find_their_document_again(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text("[web]\n")
    again = loaded_again(load_settings(file, {}), {"RELAY_WEB__ADDRESS": "127.0.0.1:1"})
    assert again.document.problem(("web",), "x").line == 1
    assert again.document.problem(("web", "address"), "x").key == "RELAY_WEB__ADDRESS"
    assert loaded_again(load_settings(None, {}), {}).document.data == {}


def test_the_document_comes_with_the_settings() -> None:
    assert load(None, {}).document.data == {}


def test_the_shipped_policies_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (shipped_policies() / "profiles").is_dir()
