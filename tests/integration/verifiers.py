"""Four DKIM verifiers that know nothing of each other. Each takes many messages at once, for starting one takes longer
than verifying a message, and says for each message which signatures are good.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import dkim

_HERE: Final = Path(__file__).parent
#: Where deploy/bootstrap.py installs it.
_MAILAUTH: Final = _HERE.parents[1] / ".venv" / "mailauth" / "node_modules"
#: Longest run over all messages of a test.
_SECONDS: Final = 250

#: DNS: name to the text of its TXT record.
Records: TypeAlias = Mapping[str, str]
#: Domain (d=) and selector (s=) of a signature.
Signature: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verifier:
    """good: for each message its signatures that verify. says_all: does it tell of each signature, or of one that is
    good? missing: why it cannot run here, "" when it can. All know RSA.
    """

    good: Callable[[Sequence[bytes], Records], list[set[Signature]]]
    missing: Callable[[], str]
    says_all: bool = True
    knows_ed25519: bool = True

    def domains(self, message: bytes, records: Records) -> set[str]:
        """The domains with a good signature."""
        [found] = self.good([message], records)
        return {domain for domain, _ in found}


def by_dkimpy(message: bytes, records: Records) -> set[str]:
    return VERIFIERS["dkimpy"].domains(message, records)


def _dkimpy(messages: Sequence[bytes], records: Records) -> list[set[Signature]]:
    return [_good_for_dkimpy(message, records) for message in messages]


def _good_for_dkimpy(message: bytes, records: Records) -> set[Signature]:
    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        record = records.get(name.decode().rstrip("."))
        return record.encode() if record else None

    good = set()
    for index in range(_signatures(message)):
        checker = dkim.DKIM(message)
        with contextlib.suppress(dkim.DKIMException):  # how it says that a hash or a key does not fit
            if checker.verify(idx=index, dnsfunc=ask):
                good.add((checker.domain.decode(), checker.selector.decode()))
    return good


def _mail_dkim(messages: Sequence[bytes], records: Records) -> list[set[Signature]]:
    return _by_script(("perl", str(_HERE / "verify_dkim.pl")), messages, records)


def _mailauth(messages: Sequence[bytes], records: Records) -> list[set[Signature]]:
    return _by_script(("node", str(_HERE / "verify_mailauth.js")), messages, records)


def _by_script(command: tuple[str, ...], messages: Sequence[bytes], records: Records) -> list[set[Signature]]:
    with _files(messages) as (_, files):
        order = json.dumps({"records": dict(records), "files": files})
        environ = {**os.environ, "NODE_PATH": str(_MAILAUTH)}
        result = subprocess.run(
            command, input=order.encode(), capture_output=True, timeout=_SECONDS, check=False, env=environ
        )
    assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
    lines = [line.split() for line in result.stdout.decode().splitlines()]
    assert len(lines) == len(messages)
    return [set(zip(words[::2], words[1::2], strict=True)) for words in lines]


def _opendkim(messages: Sequence[bytes], records: Records) -> list[set[Signature]]:
    with _files(messages) as (folder, files):
        (folder / "keys").write_text("".join(f"{name} {record}\n" for name, record in records.items()), "ascii")
        (folder / "conf").write_text(f"Mode v\nSyslog no\nTestPublicKeys {folder}/keys\n", "ascii")
        result = subprocess.run(
            ("opendkim", "-x", folder / "conf", "-t", ",".join(files)),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    said = (result.stdout + result.stderr).decode("utf-8", "replace")
    good: dict[str, set[Signature]] = {file: set() for file in files}
    for file, selector, domain in re.findall(r"(\S+): verification \(s=(\S+?),? d=(\S+?),.*\) succeeded", said):
        good[file].add((domain, selector))
    assert len(re.findall(r": (?:verification \(|message not signed|error )", said)) >= len(messages), said
    return list(good.values())


@contextlib.contextmanager
def _files(messages: Sequence[bytes]) -> Iterator[tuple[Path, list[str]]]:
    """A folder with one file a message."""
    folder = Path(tempfile.mkdtemp(prefix="verify-"))
    try:
        files = [folder / str(number) for number in range(len(messages))]
        for file, message in zip(files, messages, strict=True):
            file.write_bytes(message)
        yield folder, [str(file) for file in files]
    finally:
        shutil.rmtree(folder)


def _no_mail_dkim() -> str:
    probe = subprocess.run(("perl", "-MMail::DKIM::Verifier", "-e", "1"), capture_output=True, check=False)
    return "libmail-dkim-perl is not installed" if probe.returncode else ""


def _no_opendkim() -> str:
    return "" if shutil.which("opendkim") else "opendkim is not installed"


def _no_mailauth() -> str:
    there = shutil.which("node") and (_MAILAUTH / "mailauth").is_dir()
    return "" if there else "mailauth is not installed: python3 deploy/bootstrap.py test"


VERIFIERS: Final = {
    "dkimpy": Verifier(_dkimpy, lambda: ""),
    "Mail::DKIM": Verifier(_mail_dkim, _no_mail_dkim, knows_ed25519=False),  # newer ones than Debian 12's do
    "OpenDKIM": Verifier(_opendkim, _no_opendkim, says_all=False),
    "mailauth": Verifier(_mailauth, _no_mailauth),
}


def _signatures(message: bytes) -> int:
    head = message.partition(b"\r\n\r\n")[0].lower()
    return head.count(b"\r\ndkim-signature:") + head.startswith(b"dkim-signature:")
