"""What was checked is what goes on the wire.

An independent reading of RFC 5321 and Python's own parser agree with it, whatever octets come.
"""

from __future__ import annotations

import email.headerregistry
import re

import idna
from addresses import PHONES, parsed
from hypothesis import example, given
from hypothesis import strategies as st

from relay.address import (
    Address,
    AddressError,
    parse_path,
)


def read_by_hand(path: bytes) -> tuple[str, str]:
    """Path of RFC 5321/6531 section 4.1.2, read octet for octet without regular expressions: (local, domain)."""
    text = path.decode("utf-8", "strict")
    assert text[0] == "<"
    assert text[-1] == ">"
    position = 1
    local = ""
    if text[position] == '"':
        position += 1
        while text[position] != '"':
            assert text[position] != "\\"
            assert 32 <= ord(text[position]) <= 126 or ord(text[position]) > 127
            local += text[position]
            position += 1
        position += 1
    else:
        while text[position] != "@":
            character = text[position]
            assert character == "." or character.isalnum() or character in "!#$%&'*+-/=?^_`{|}~" or ord(character) > 127
            local += character
            position += 1
        assert all(local.split("."))
    assert text[position] == "@"
    domain = text[position + 1 : -1]
    for label in domain.split("."):
        assert 1 <= len(label) <= 63
        assert all(character.isascii() and (character.isalnum() or character == "-") for character in label)
        assert label[0] != "-" != label[-1]
    return local, domain


def agrees_with_independent_readings(address: Address) -> None:
    path = b"<" + address.wire + b">"
    assert read_by_hand(path) == (address.local, address.domain)
    assert not re.search(rb"[\x00-\x1f\x7f\\%!]", path)
    assert path.count(b"@") == 1
    if address.is_ascii:  # Python's parser knows no RFC 6532
        theirs = email.headerregistry.Address(addr_spec=str(address))
        assert (theirs.username, theirs.domain) == (address.local, address.domain)
    assert parse_path(path, smtputf8=not address.is_ascii) == address


PIECES = st.sampled_from(
    [b"user", b"us.er", b"@", b"@", b"example.com", b"relay.test", b".", b"..", b'"', b"\\", b"%", b"!", b":", b",", b" ",
     b"\r", b"\n", b"\0", b"(", b")", b"<", b">", b"[", b"]", b"[192.0.2.1]", b"192.0.2.1", b"=?utf-8?q?", b"?=", b"+tag",
     b"xn--bcher-kva", b"xn--", b"-", b"_", "é".encode(), "例え".encode(), "。".encode(), "＠".encode(), b"\xff", b"\xed\xa0\x80",  # noqa: RUF001
     "\u200b".encode(), "\u0430".encode(), b"docomo.ne.jp", b"EXAMPLE.COM", b"a" * 60]
)  # fmt: skip
ARGUMENTS = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=8).map(b"".join),
    st.builds(
        lambda local, domain: local + b"@" + domain,
        st.lists(PIECES, min_size=1, max_size=3).map(b"".join),
        st.lists(PIECES, min_size=1, max_size=3).map(b"".join),
    ),
    st.emails().map(str.encode),
    st.builds(lambda local, domain: f"{local}@{domain}.test".encode(), st.text("aé例 \"'.+", min_size=1, max_size=5),
              st.text("aé例-。", min_size=1, max_size=5)),
)  # fmt: skip


@given(ARGUMENTS, st.booleans(), st.booleans())
@example(b'"a b"@example.com', False, False)
@example(b"a..b@docomo.ne.jp", False, True)
@example("用户@例え.テスト".encode(), True, False)
def test_whatever_bytes_come_they_are_refused_or_what_was_checked_goes_on_the_wire(
    argument: bytes, smtputf8: bool, loose: bool
) -> None:
    try:
        address = parse_path(b"<" + argument + b">", smtputf8=smtputf8, loose_domains=PHONES if loose else frozenset())
    except AddressError:
        return
    agrees_with_independent_readings(address)
    text = argument.decode()
    written_local = text.rpartition("@")[0].strip('"')
    assert address.local == written_local, "nothing in a local part is ever changed but needless quotes"
    assert address.domain == idna.encode(text.rpartition("@")[2].lower(), uts46=True).decode().rstrip(".") or (
        text.rpartition("@")[2].isascii() and address.domain == text.rpartition("@")[2].lower().rstrip(".")
    )


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_value_that_can_be_built_survives_the_way_over_the_wire(local: str, domain: str) -> None:
    try:
        address = Address(local, domain)
    except AddressError:
        return
    assert parsed(str(address)) == address


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_any_local_part_that_is_taken_is_read_back_the_same(local: str) -> None:
    try:
        address = Address(local, "example.com")
    except AddressError:
        return
    agrees_with_independent_readings(address)
