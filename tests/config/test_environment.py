from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.environment import overlay, variable
from relay.config.load import load_settings
from relay.config.settings import Mode
from relay.config.toml import Document, ProblemsError


def test_a_variable_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('mode = "enforce"\n[web]\npublic_url = "https://a.example"\n')
    settings = load_settings(file, {"RELAY_MODE": "observe", "RELAY_WEB__PUBLIC_URL": "https://b.example"})
    assert (settings.mode, settings.web.public_url) == (Mode.OBSERVE, "https://b.example")


def test_a_variable_needs_no_file() -> None:
    assert load_settings(None, {"RELAY_LIMITS__RECIPIENTS": "5"}).limits.recipients == 5


def test_lists_are_json_and_stand_for_the_whole_list(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[[client]]\nname = "a"\nnetworks = ["10.0.0.0/8"]\n')
    environ = {
        "RELAY_CLIENT": '[{"name": "b", "networks": ["192.0.2.0/24"]}]',
        "RELAY_QUEUE__RETRY": '["1m"]',
    }
    settings = load_settings(file, environ)
    assert [client.name for client in settings.clients] == ["b"]
    assert len(settings.queue.retry) == 1


def test_a_secret_of_one_table_among_several_can_stay_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[[next_hop]]\naddress = "mx.brand.example:587"\ntls = "starttls"\nusername = "relay"\n')
    settings = load_settings(file, {"RELAY_NEXT_HOP__0__PASSWORD": "123"})
    assert settings.next_hops[0].password == "123"


def test_dkim_keys_are_set_as_json() -> None:
    environ = {"RELAY_DKIM": '{"brand.example": {"selector": "s1", "key": "/k.pem"}}'}
    assert load_settings(None, environ).dkim["brand.example"][0].selector == "s1"


def test_what_docker_and_kubernetes_set_for_a_service_called_relay_is_none_of_ours() -> None:
    environ = {
        "RELAY_SERVICE_HOST": "10.0.0.1",
        "RELAY_SERVICE_PORT": "25",
        "RELAY_SERVICE_PORT_SMTP": "25",
        "RELAY_PORT": "tcp://10.0.0.1:25",
        "RELAY_PORT_25_TCP": "tcp://10.0.0.1:25",
        "RELAY_PORT_25_TCP_ADDR": "10.0.0.1",
    }
    document = Document(Path("f"), {})
    assert overlay(document, environ) == (document, [])


def test_other_programs_variables_are_left_alone() -> None:
    assert load_settings(None, {"PATH": "/bin", "RELAYING": "1"})


def test_the_document_is_not_changed_in_place() -> None:
    document = Document(Path("f"), {"web": {"address": "127.0.0.1:1"}})
    changed, problems = overlay(document, {"RELAY_WEB__ADDRESS": "127.0.0.1:2"})
    assert not problems
    assert document.data == {"web": {"address": "127.0.0.1:1"}}
    assert changed.data == {"web": {"address": "127.0.0.1:2"}}


def test_a_variable_over_a_broken_table_does_not_hide_it(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text("web = 5\n")
    with pytest.raises(ProblemsError, match="something else than a table"):
        load_settings(file, {"RELAY_WEB__ADDRESS": "127.0.0.1:2"})


def test_the_name_of_a_variable_follows_from_its_place() -> None:
    assert variable(("web", "public_url")) == "RELAY_WEB__PUBLIC_URL"
    assert variable(("next_hop", 0, "password")) == "RELAY_NEXT_HOP__0__PASSWORD"
