from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.store import age
from relay.store.age import AgeError, AgeReader, AgeWriter

SECRET, PUBLIC = age.new_identity()
SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000]
needs_age = pytest.mark.skipif(not shutil.which("age"), reason="age is missing")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.age._LOG_N", 10)


def sealed(content: bytes, *wraps: age.Wrap, piece: int = 50_000) -> bytes:
    out = io.BytesIO()
    writer = AgeWriter(out, wraps or (age.for_recipient(PUBLIC),), os.urandom)
    for start in range(0, len(content), piece):
        writer.write(content[start : start + piece])
    writer.finish()
    return out.getvalue()


def opened(octets: bytes, unwrap: age.Unwrap | None = None) -> bytes:
    source = io.BytesIO(octets)
    return io.BufferedReader(AgeReader(source, unwrap or age.with_identities(SECRET))).read()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_with_identity_and_passphrase(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content
    by_passphrase = sealed(content, age.for_passphrase("open sesame", os.urandom))
    assert opened(by_passphrase, age.with_passphrase("open sesame")) == content


@needs_age
@pytest.mark.parametrize("size", SIZES)
def test_age_itself_opens_what_we_seal_and_we_what_it_seals(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "key").write_text(f"# a comment\n{SECRET}\n")
    ours = subprocess.run(["age", "-d", "-i", tmp_path / "key"], input=sealed(content), capture_output=True, check=True)
    assert ours.stdout == content
    theirs = subprocess.run(["age", "-r", PUBLIC], input=content, capture_output=True, check=True).stdout
    assert opened(theirs, age.with_identities((tmp_path / "key").read_text())) == content


@needs_age
def test_keys_are_those_of_age() -> None:
    told = subprocess.run(["age-keygen", "-y"], input=SECRET, capture_output=True, text=True, check=True).stdout
    assert told.strip() == PUBLIC
    made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)
    secret = made.stdout.splitlines()[-1]
    public = made.stderr.split()[-1]
    assert opened(sealed(b"hello", age.for_recipient(public)), age.with_identities(secret)) == b"hello"


@needs_age
def test_age_asks_for_the_passphrase_and_opens(tmp_path: Path) -> None:
    (tmp_path / "file.age").write_bytes(sealed(b"hello", age.for_passphrase("open sesame", os.urandom)))
    process, terminal = pty.fork()
    if process == 0:
        os.execvp("age", ["age", "-d", "-o", str(tmp_path / "out"), str(tmp_path / "file.age")])
    os.write(terminal, b"open sesame\n")
    while True:
        try:
            if not os.read(terminal, 1000):
                break
        except OSError:
            break
    assert os.waitpid(process, 0)[1] == 0
    os.close(terminal)
    assert (tmp_path / "out").read_bytes() == b"hello"


def test_each_of_several_recipients_opens_it() -> None:
    secret, public = age.new_identity()
    both = sealed(b"hello", age.for_recipient(PUBLIC), age.for_recipient(public))
    assert opened(both) == opened(both, age.with_identities(secret)) == b"hello"
    assert opened(both, age.with_identities(f"{age.new_identity()[0]}\n{secret}\n")) == b"hello"


def test_who_has_another_key_or_passphrase_is_told_so() -> None:
    with pytest.raises(AgeError, match="does not open"):
        opened(sealed(b"hello"), age.with_identities(age.new_identity()[0]))
    with pytest.raises(AgeError, match="does not open"):
        opened(sealed(b"hello", age.for_passphrase("right", os.urandom)), age.with_passphrase("wrong"))
    with pytest.raises(AgeError, match="does not open"):
        opened(sealed(b"hello"), age.with_passphrase("right"))


@given(st.data())
def test_a_changed_octet_is_noticed_wherever_it_is(data: st.DataObject) -> None:
    octets = bytearray(sealed(b"x" * 100))
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AgeError):
        opened(bytes(octets))


@pytest.mark.parametrize("size", [1, 65_536, 131_072, 200_000])
def test_a_file_that_was_cut_short_is_noticed(size: int) -> None:
    octets = sealed(bytes(size))
    header = len(octets) - size - 16 * -(-size // 65_536)
    for end in {header - 1, header, header + 1, len(octets) - 1, len(octets) - 17, header + 65_552}:
        if end < len(octets):
            with pytest.raises(AgeError):
                opened(octets[:end])


def test_a_file_with_something_behind_its_end_is_noticed() -> None:
    with pytest.raises(AgeError):
        opened(sealed(b"hello") + b"x")


def test_what_is_no_file_of_age_is_told() -> None:
    for octets in (b"", b"hello", b"age-encryption.org/v2\n"):
        with pytest.raises(AgeError):
            opened(octets)


def test_a_file_cannot_make_us_work_without_end() -> None:
    octets = sealed(b"hello", age.for_passphrase("right", os.urandom)).replace(b" 10\n", b" 40\n", 1)
    with pytest.raises(AgeError, match="more work"):
        opened(octets, age.with_passphrase("right"))


# Names of their own: a key that is new in every process is none.
@pytest.mark.parametrize(
    "text",
    ["", "age1", "age1qqqq", PUBLIC[:-1], PUBLIC[:-1] + "b", PUBLIC.title(), SECRET],
    ids=["nothing", "beginning", "short", "cut", "changed", "mixed case", "secret"],
)
def test_a_mistyped_recipient_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AgeError) as refused:
        age.for_recipient(text)
    assert len(text) < 10 or text not in str(refused.value)


def test_an_identity_file_without_identities_is_refused() -> None:
    with pytest.raises(AgeError, match="holds no"):
        age.with_identities("# nothing\n")
