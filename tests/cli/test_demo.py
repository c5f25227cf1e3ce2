from __future__ import annotations

import re
import smtplib
import subprocess
import sys
import urllib.request
from pathlib import Path

from patience import LONG

from relay.cli.samples import NEWS

_ADDRESS = re.compile(r"--server 127\.0\.0\.1:(\d+) ")
_PAGE = re.compile(r"^http://127\.0\.0\.1:\d+/u/\S+$", re.MULTILINE)


def _demo(folder: Path, *arguments: str, columns: int = 80) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "relay", "demo", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": str(columns), "PYTHONUNBUFFERED": "1"},
    )


def test_the_demo_shows_every_reason_and_one_rewritten_message_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = _demo(tmp_path, "--once")
    output, _ = demo.communicate(timeout=LONG)
    assert demo.returncode == 0, output
    table = [line for line in output.splitlines() if re.search(r"  \d{3} *$", line)]
    assert len(table) == 14
    assert max(map(len, output.partition("What hanako got")[0].splitlines())) <= 80
    for reason in (
        "confirmed unconfirmed stale renewal-due withdrawn complained undeliverable basis-not-accepted no-consent "
        "transactional"
    ).split():
        assert any(f" {reason} " in line for line in table)
    assert sum(line.rstrip().endswith(" 250") for line in table) == 9
    held = [line for line in table if " hold " in line]
    assert (len(held), all(line.rstrip().endswith(" 250") for line in held)) == (3, True)
    assert '550 5.7.1 no-consent: no consent to "newsletter" is recorded for this person (id ' in output
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in output
    assert "DKIM-Signature: v=1" in output
    assert "Postal address:" in output
    assert [*tmp_path.iterdir()] == []


def test_after_unsubscribing_on_the_page_sending_again_is_refused(tmp_path: Path) -> None:
    demo = _demo(tmp_path)
    assert demo.stdout is not None
    output = ""
    while "Ctrl-C" not in output:
        line = demo.stdout.readline()
        assert line, output
        output += line
    try:
        port = _ADDRESS.search(output)
        page = _PAGE.search(output)
        assert port is not None
        assert page is not None
        with smtplib.SMTP("127.0.0.1", int(port[1])) as client:
            client.sendmail(NEWS, ["hanako@customer.example"], "Subject: again\n\nhello")
            with urllib.request.urlopen(page[0], data=b"confirm=yes") as response:
                assert response.status == 200
            client.mail(NEWS)
            code, text = client.rcpt("hanako@customer.example")
        assert code == 550
        assert text.startswith(b"5.7.1 withdrawn")
    finally:
        demo.terminate()
        output, _ = demo.communicate(timeout=LONG)
    assert demo.returncode == 0, output
