"""`consent-relay keys`: make a DKIM key, print its DNS record, hash a password, print the key that proves the ledger.

Works before the settings do: only their folder matters, keys stand in var/keys below it. Only `ledger` reads them.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from relay.cli import CommandError, add_action, add_config_option
from relay.config import fields
from relay.config.load import load_settings
from relay.config.mistakes import Mistake
from relay.message.dkim import KeyType, dns_name, dns_record, generate, load_key
from relay.store.keys import KeyFileError
from relay.store.signing import load_ledger_key, public_text

KEYS_FOLDER: Final = Path("var") / "keys"
#: RFC 1035 section 3.3.14: a TXT record is made of strings of at most 255 octets.
_TXT_STRING: Final = 255


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """name: without the dot at its end. value: what the strings of the TXT record make together."""

    name: str
    value: str
    file: str

    @property
    def zone_line(self) -> str:
        """As it stands in a zone file."""
        parts = [self.value[start : start + _TXT_STRING] for start in range(0, len(self.value), _TXT_STRING)]
        strings = " ".join(f'"{part}"' for part in parts)
        return f"{self.name}. IN TXT {strings if len(parts) == 1 else f'( {strings} )'}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = add_action(verbs, "generate", "write var/keys/DOMAIN.SELECTOR.pem and print its DNS record")
    making.add_argument("domain", metavar="DOMAIN", help="domain of the From field that the key signs for")
    making.add_argument("--selector", default="s1", metavar="S", help="name of the key in DNS (default: s1)")
    making.add_argument(
        "--type", choices=[kind.value for kind in KeyType], default="rsa", help="rsa has 2048 bits (default: rsa)"
    )
    printing = add_action(verbs, "dns", "print the DNS records of a domain's keys")
    printing.add_argument("domain", metavar="DOMAIN", help="domain that the keys sign for")
    printing.add_argument("--selector", metavar="S", help="of this key only")
    hashing = add_action(verbs, "hash", "read a password, print its argon2id hash for a [[client]]")
    proving = add_action(verbs, "ledger", "print the public key that the signed heads of the ledger are checked with")
    for leaf in (making, printing):
        leaf.add_argument("--json", action="store_true", help="print name, value and file as JSON")
    proving.add_argument("--json", action="store_true", help="print key and file as JSON")
    for leaf in (making, printing, hashing, proving):
        add_config_option(leaf)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "hash":
        print(PasswordHasher().hash(_password()))
        return 0
    config = Path(arguments.config) if arguments.config else None
    if arguments.action == "ledger":
        _print_ledger_key(config, as_json=arguments.json)
        return 0
    folder = config.absolute().parent if config else Path.cwd()
    try:
        domain = fields.domain(arguments.domain)
        selector = fields.selector(arguments.selector) if arguments.selector else ""
    except Mistake as mistake:
        raise CommandError(str(mistake), exit_code=2) from None
    if arguments.action == "generate":
        record = make_key(folder, domain, selector, KeyType(arguments.type))
        _print([record], as_json=arguments.json)
        print(_how_to_use(record, domain, selector), file=sys.stderr)
        return 0
    _print(_records(folder, config, domain, selector), as_json=arguments.json)
    return 0


def _print_ledger_key(config: Path | None, *, as_json: bool) -> None:
    file = load_settings(config, os.environ).keys.ledger
    try:
        key = public_text(load_ledger_key(file))
    except KeyFileError as error:
        raise CommandError(str(error)) from None
    print(json.dumps({"key": key, "file": str(file)}, indent=2) if as_json else key)


def make_key(folder: Path, domain: str, selector: str, kind: KeyType) -> DnsRecord:
    """Write a new key below `folder`, never over another one. Raises CommandError."""
    file = folder / KEYS_FOLDER / f"{domain}.{selector}.pem"
    try:
        for private in (file.parent.parent, file.parent):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(
            f"{file} exists already; choose another --selector, old mail is verified with the old key"
        ) from None
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(generate(kind))
        opened.flush()
        os.fsync(opened.fileno())
    return _record(file, domain, selector)


def _records(folder: Path, config: Path | None, domain: str, selector: str) -> list[DnsRecord]:
    """Of the files in var/keys, and of those that the settings name elsewhere."""
    known = {
        file.name.removeprefix(f"{domain}.").removesuffix(".pem"): file
        for file in sorted((folder / KEYS_FOLDER).glob(f"{domain}.*.pem"))
    }
    if config:
        settings = load_settings(config, os.environ)
        known |= {key.selector: key.key for keys in settings.dkim.values() for key in keys if key.domain == domain}
    found = {name: file for name, file in known.items() if name == selector or not selector}
    if not found:
        named = f" with selector {selector}" if selector else ""
        option = f" --selector {selector}" if selector else ""
        raise CommandError(
            f"there is no key for {domain}{named} in {folder / KEYS_FOLDER}; "
            f"consent-relay keys generate {domain}{option} makes one"
        )
    return [_record(file, domain, name) for name, file in found.items()]


def _record(file: Path, domain: str, selector: str) -> DnsRecord:
    try:
        value = dns_record(load_key(file.read_bytes()))
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{file} is no key to sign with ({error})") from None
    return DnsRecord(dns_name(domain, selector), value, str(file))


def _print(records: Sequence[DnsRecord], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(record) for record in records], indent=2))
        return
    for record in records:
        print(record.zone_line)


def _how_to_use(record: DnsRecord, domain: str, selector: str) -> str:
    return (
        f"\nwritten to {record.file}. Put the record above into the zone of {domain}, then name the key in relay.toml:\n\n"
        f'[dkim."{domain}"]\nselector = "{selector}"\nkey = "{KEYS_FOLDER / Path(record.file).name}"\n\n'
        f'Several keys of one domain: [[dkim."{domain}"]] for each.'
    )


def _password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            raise CommandError("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("there is no password to hash", exit_code=2)
    return password
