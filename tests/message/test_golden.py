"""Every message in tests/golden comes out byte for byte as it stands beside it.

NAME.in.eml is what a mailer sent; NAME.out.eml what a recipient gets, before DKIM; NAME.why the reason where it gets
nothing. The name begins with the footer's language; `reject`, `wrap`, `headers-only` say the policy's fallback, and
`transactional` a stream without list fields. With WRITE_GOLDEN=1 the expectations are written anew: read the diff.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from relay.message.compose import Common, Personal, Undisclosable, copy_for, prepare
from relay.message.footer import FooterFacts
from relay.message.index import index
from relay.message.rules import Fallback, Rules

GOLDEN = Path(__file__).parent.parent / "golden"
NAMES = sorted(path.name.removesuffix(".in.eml") for path in GOLDEN.glob("*.in.eml"))
COMMON = Common(
    received=b"Received: from mailer.brand.example ([192.0.2.7])\r\n\tby relay.brand.example (consent-relay) with ESMTP"
    b"\r\n\tid 01HZ8000000000000000000000;\r\n\tSat, 01 Jun 2024 00:00:00 +0000\r\n",
    date=b"Date: Sat, 01 Jun 2024 00:00:00 +0000\r\n",
    message_id=b"Message-ID: <01HZ8000000000000000000000@relay.brand.example>\r\n",
)
FACTS = {
    "ja": FooterFacts(
        sender="株式会社ブランド",
        postal_address="〒100-0001 東京都千代田区千代田1-1",
        contact="https://brand.example/contact",
        privacy_policy="https://brand.example/privacy",
        purpose="新商品のお知らせ",
        audience="会員の方",
        consented_on=date(2024, 5, 1),
        source="https://brand.example/join",
    ),
    "en": FooterFacts(
        sender="Brand K.K.",
        postal_address="1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan",
        contact="care@brand.example",
        privacy_policy="https://brand.example/privacy",
        purpose="Product news",
        audience="members",
        consented_on=date(2024, 5, 1),
        source="https://brand.example/join",
    ),
}


def rewritten(name: str) -> bytes | Undisclosable:
    language = name[:2]
    fallback = next((one for one in Fallback if one in name), Fallback.REJECT)
    rules = Rules(commercial="transactional" not in name, list_id="newsletter.brand.example", fallback=fallback)
    personal = Personal(
        unsubscribe_url="https://mail.brand.example/u/k1.Zm9vdGVyLXRva2VuLWZvci1nb2xkZW4",
        one_click=True,
        footer=FACTS[language],
        language=language,
    )
    prepared = prepare(index((GOLDEN / f"{name}.in.eml").read_bytes()), COMMON, rules)
    return copy_for(prepared, personal)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_comes_out_as_it_stands_in_the_golden_file(name: str) -> None:
    result = rewritten(name)
    suffix, produced = (
        (".why", f"{result.why}\n".encode()) if isinstance(result, Undisclosable) else (".out.eml", result)
    )
    expected = GOLDEN / f"{name}{suffix}"
    if os.environ.get("WRITE_GOLDEN"):
        expected.write_bytes(produced)
    assert produced == expected.read_bytes()


def test_no_golden_file_stands_alone() -> None:
    for path in [*GOLDEN.glob("*.out.eml"), *GOLDEN.glob("*.why")]:
        assert path.name.removesuffix(".out.eml").removesuffix(".why") in NAMES
