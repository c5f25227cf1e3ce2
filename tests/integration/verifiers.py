"""Three DKIM verifiers that know nothing of each other; each answers with the domains whose signature verifies."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import dkim

_HERE: Final = Path(__file__).parent
Records = Mapping[str, str]


def by_dkimpy(message: bytes, records: Records) -> set[str]:
    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        record = records.get(name.decode().rstrip("."))
        return record.encode() if record else None

    domains = set()
    for index in range(_signatures(message)):
        checker = dkim.DKIM(message)
        with contextlib.suppress(dkim.DKIMException):  # how it says that a hash or a key does not fit
            if checker.verify(idx=index, dnsfunc=ask):
                domains.add(checker.domain.decode())
    return domains


def by_mail_dkim(message: bytes, records: Records) -> set[str]:
    pairs = [text for pair in records.items() for text in pair]
    result = subprocess.run(
        ("perl", _HERE / "verify_dkim.pl", *pairs), input=message, capture_output=True, timeout=60, check=False
    )
    assert not result.stderr, result.stderr.decode()
    return {line.split()[0] for line in result.stdout.decode().splitlines() if line.endswith(" pass")}


def by_opendkim(message: bytes, records: Records) -> set[str]:
    folder = Path(tempfile.mkdtemp(prefix="opendkim-"))
    try:
        (folder / "keys").write_text("".join(f"{name} {record}\n" for name, record in records.items()), "ascii")
        (folder / "message").write_bytes(message)
        (folder / "conf").write_text(f"Mode v\nSyslog no\nTestPublicKeys {folder}/keys\n", "ascii")
        result = subprocess.run(
            ("opendkim", "-x", folder / "conf", "-t", folder / "message"),
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = (result.stdout + result.stderr).decode("utf-8", "replace")
        return set(re.findall(r"verification \(s=\S+,? d=(\S+?),.*\) succeeded", said))
    finally:
        shutil.rmtree(folder)


VERIFIERS: Final = {"dkimpy": by_dkimpy, "Mail::DKIM": by_mail_dkim, "OpenDKIM": by_opendkim}


def missing_for(verifier: str) -> str:
    """Why this verifier cannot run here, "" when it can."""
    if verifier == "OpenDKIM" and not shutil.which("opendkim"):
        return "opendkim is not installed"
    if verifier == "Mail::DKIM":
        probe = subprocess.run(("perl", "-MMail::DKIM::Verifier", "-e", "1"), capture_output=True, check=False)
        return "libmail-dkim-perl is not installed" if probe.returncode else ""
    return ""


def _signatures(message: bytes) -> int:
    head = message.partition(b"\r\n\r\n")[0].lower()
    return head.count(b"\r\ndkim-signature:") + head.startswith(b"dkim-signature:")
