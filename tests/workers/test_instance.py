from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from relay.workers.instance import AddressTakenError, AlreadyRunningError, only_instance, require_free


def test_a_second_relay_in_the_same_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with only_instance(tmp_path):
        second = subprocess.run(
            [
                sys.executable,
                "-c",
                textwrap.dedent(
                    f"""
                    from pathlib import Path
                    from relay.workers.instance import only_instance
                    with only_instance(Path({str(tmp_path)!r})): pass
                    """
                ),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode != 0
    assert "AlreadyRunningError" in second.stderr
    assert "already works in this folder" in second.stderr


def test_the_folder_is_free_again_afterwards_and_after_a_kill(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time\nfrom pathlib import Path\nfrom relay.workers.instance import only_instance\nwith only_instance(Path({str(tmp_path)!r})):\n print('held', flush=True)\n time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(AlreadyRunningError, match=str(holder.pid)), only_instance(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with only_instance(tmp_path):
        pass


def test_the_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    with only_instance(tmp_path / "a" / "var"):
        assert (tmp_path / "a" / "var").stat().st_mode & 0o077 == 0


def test_an_address_in_use_is_named_even_when_its_user_would_share_it() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressTakenError, match=rf"127\.0\.0\.1:{port}.*change the address"):
            require_free([("127.0.0.1", port)])
    require_free([("127.0.0.1", port)])


def test_a_host_that_is_none_is_a_problem_in_words() -> None:
    with pytest.raises(AddressTakenError, match=r"host\.invalid:25"):
        require_free([("host.invalid", 25)])
