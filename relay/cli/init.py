"""`consent-relay init`: a commented relay.toml, first policies and a DKIM key, to start from for real.

Asks nothing, writes over nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from relay.cli import CommandError
from relay.cli.keys import KEYS_FOLDER, make_key
from relay.config import fields
from relay.config.load import shipped_policies
from relay.config.mistakes import Mistake
from relay.config.reference import commented_file
from relay.message.dkim import KeyType

#: Stands in the shipped policies for the domain of whoever uses them.
_EXAMPLE: Final = "brand.example"
_SELECTOR: Final = "s1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where to write (default: here)")
    parser.add_argument("--brand-domain", default=_EXAMPLE, metavar="DOMAIN", help="domain that your mail comes from")
    parser.add_argument("--hostname", metavar="NAME", help="name of this relay (default: relay.DOMAIN)")
    parser.add_argument("--public-url", metavar="URL", help="where people reach its pages (default: https://NAME)")
    parser.add_argument("--next-hop", default="127.0.0.1:25", metavar="HOST:PORT", help="your mail server")
    parser.add_argument("--enforce", action="store_true", help='start with mode = "enforce" instead of "observe"')


def run(arguments: argparse.Namespace) -> int:
    brand = _checked(fields.domain, "--brand-domain", arguments.brand_domain)
    hostname = _checked(fields.domain, "--hostname", arguments.hostname or f"relay.{brand}")
    public_url = _checked(fields.public_url, "--public-url", arguments.public_url or f"https://{hostname}")
    next_hop = _checked(fields.remote_address, "--next-hop", arguments.next_hop)
    folder = Path(arguments.folder)
    key = KEYS_FOLDER / f"{brand}.{_SELECTOR}.pem"
    texts = _policies(brand)
    texts[Path("relay.toml")] = commented_file(
        {
            "mode": "enforce" if arguments.enforce else "observe",
            "policies": "policies",
            "identity": {"hostname": hostname, "mail_domain": hostname},
            "client": [{"name": "local", "networks": ["127.0.0.0/8"]}],
            "next_hop": [{"address": str(next_hop)}],
            "web": {"public_url": public_url},
            "dkim": {brand: {"selector": _SELECTOR, "key": str(key)}},
        }
    )
    _require_absent(folder, [*texts, key])
    _write(folder, texts)
    record = make_key(folder, brand, _SELECTOR, KeyType.RSA)
    print("\n".join(f"wrote {folder / name}" for name in sorted([*texts, key])))
    print(_next_steps(folder, brand, record.zone_line))
    return 0


def _checked(parse: Callable[[str], Any], option: str, text: str) -> Any:
    try:
        return parse(text)
    except Mistake as mistake:
        raise CommandError(f"{option}: {mistake}", exit_code=2) from None


def _policies(brand: str) -> dict[Path, str]:
    """The shipped policies, about `brand` instead of the example. Profiles stay in the package and are found there."""
    return {
        Path("policies") / file.name: file.read_text("utf-8").replace(_EXAMPLE, brand)
        for file in sorted(shipped_policies().glob("*.toml"))
    }


def _require_absent(folder: Path, names: list[Path]) -> None:
    present = [str(folder / name) for name in names if (folder / name).exists()]
    if present:
        raise CommandError(f"{', '.join(present)} exists already; move it away or choose another folder")


def _write(folder: Path, texts: Mapping[Path, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None


def _next_steps(folder: Path, brand: str, record: str) -> str:
    config = folder / "relay.toml"
    return f"""
Next:
1. Put this DNS record into the zone of {brand}, so that what the relay signs verifies:
   {record}
2. Read {config} and the files in {folder / "policies"}; the policies say whose name, postal address and
   contact stand below each mail. Replace the examples; consent-relay policy lint -c {config} finds what is left.
3. consent-relay check -c {config}
4. consent-relay serve -c {config}
5. Set your mailers' SMTP host to 127.0.0.1, port 2525.
"""
