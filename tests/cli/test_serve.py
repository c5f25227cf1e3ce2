"""What `serve` refuses to start on; that it serves, drains and is supervised is tested with real mail elsewhere."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from journey import NEWSLETTER
from patience import LONG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _folder(folder: Path, more: str = "") -> Path:
    (folder / "policies").mkdir()
    (folder / "policies" / "newsletter.toml").write_text(NEWSLETTER)
    web = _free_port()
    (folder / "relay.toml").write_text(
        f'[[listener]]\naddress = "127.0.0.1:{_free_port()}"\n'
        f'[web]\naddress = "127.0.0.1:{web}"\npublic_url = "http://127.0.0.1:{web}"\n{more}'
    )
    return folder / "relay.toml"


def _serve(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "relay", "serve", "-c", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )


def _refused(config: Path) -> str:
    serve = _serve(config)
    output, errors = serve.communicate(timeout=LONG)
    assert serve.returncode == 1, output + errors
    assert "Traceback" not in errors
    return errors


def test_a_second_relay_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    config = _folder(tmp_path)
    first = _serve(config)
    assert first.stdout is not None
    while '"event":"ready"' not in (line := first.stdout.readline()):
        assert line
    try:
        assert "already works in this folder" in _refused(config)
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=LONG)
    assert first.returncode == 0


def test_every_problem_of_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    errors = _refused(_folder(tmp_path, 'colour = "red"\n[limits]\nmessage_size = "big"\n'))
    assert "relay.toml:6: web.colour" in errors
    assert "relay.toml:8: limits.message_size" in errors


def test_an_address_that_somebody_else_has_is_named(tmp_path: Path) -> None:
    config = _folder(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = config.read_text()
        config.write_text(
            f'[[listener]]\naddress = "127.0.0.1:{port}"\n' + text.partition("\n[web]")[2].join(["[web]", ""])
        )
        assert f"127.0.0.1:{port}" in _refused(config)


def test_a_store_from_a_later_version_is_refused_in_one_line(tmp_path: Path) -> None:
    config = _folder(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "relay.db").write_bytes(b"this is no database, whatever its name says" * 50)
    errors = _refused(config)
    assert "relay.db" in errors
    assert errors.count("\n") == 1


def test_the_log_tells_what_runs_and_how_it_ended(tmp_path: Path) -> None:
    config = _folder(tmp_path)
    serve = _serve(config)
    assert serve.stdout is not None
    told = [json.loads(serve.stdout.readline())]
    while told[-1]["event"] != "ready":
        told.append(json.loads(serve.stdout.readline()))
    serve.send_signal(signal.SIGTERM)
    output, errors = serve.communicate(timeout=LONG)
    assert serve.returncode == 0, errors
    told += [json.loads(line) for line in output.splitlines()]
    assert [one["event"] for one in told] == ["starting", "listening", "ready", "stopping", "stopped"]
    assert told[0]["settings"] == str(config)
