"""Each clash is in bad_configs; here what must not count as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.clashes import clashes
from relay.config.endpoints import ClientTable, ListenerTable
from relay.config.lines import Location
from relay.config.load import load
from relay.config.mistakes import Table

FINE = {
    "a smaller network inside another client's": (
        '[[client]]\nname = "a"\nnetworks = ["10.0.0.0/8"]\n[[client]]\nname = "b"\nnetworks = ["10.1.0.0/16"]\n'
    ),
    "the same port on two addresses": '[[listener]]\naddress = "127.0.0.1:26"\n[[listener]]\naddress = "127.0.0.2:26"\n',
    "the same port for IPv4 and IPv6": '[[listener]]\naddress = "0.0.0.0:26"\n[[listener]]\naddress = "[::]:26"\n',
    "any free port, twice, in one process": '[[listener]]\naddress = "127.0.0.1:0"\n[web]\naddress = "127.0.0.1:0"\n',
    "one selector for two domains": (
        '[dkim."a.example"]\nselector = "s1"\nkey = "a"\n[dkim."b.example"]\nselector = "s1"\nkey = "b"\n'
    ),
    "another machine's port of the same number": (
        '[[listener]]\naddress = "0.0.0.0:25"\n[[next_hop]]\naddress = "10.0.0.1:25"\n'
    ),
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_it_is_no_clash(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay.toml").write_text(text)
    assert load(tmp_path / "relay.toml", {}).settings


def test_what_is_missing_only_because_it_is_broken_is_not_missed() -> None:
    password = ClientTable.model_construct(name="a", password="x")
    tables: dict[Location, Table] = {("client", 0): password, ("listener", 0): ListenerTable()}
    assert len(clashes(tables, listeners_are_known=True, clients_are_known=True)) == 1
    assert clashes(tables, listeners_are_known=False, clients_are_known=True) == []
