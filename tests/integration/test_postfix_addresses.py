"""Behind our next hop a Postfix relays on: what it then says in RCPT is still the address that was checked."""

from __future__ import annotations

import asyncio
import time

import pytest
from faulty_hop import FaultyHop
from integration.postfix import missing_for_postfix, running_postfix
from mailing import hop_at, mail_to
from patience import LONG

from relay.address import address_from_text
from relay.outbound.attempt import NextHops

PHONES = frozenset({"docomo.ne.jp"})
ODD = (
    "user@example.com",
    "User.Name+tag@EXAMPLE.com.",
    '"user"@example.com',
    '"a b"@example.com',
    '"a  b"@example.com',
    "a..b@docomo.ne.jp",
    "a.@docomo.ne.jp",
    ".a@docomo.ne.jp",
    '"a,b"@example.com',
    '"a:b;c"@example.com',
    '"<user>"@example.com',
    '"(user)"@example.com',
    '"[user]"@example.com',
    '"/etc/passwd"@example.com',
    '"|program"@example.com',
    '":include:/x"@example.com',
    "#$&'*+-/=?^_`{|}~@example.com",
    "|program@example.com",
    "/etc/passwd@example.com",
    "bounce+user=example.com@example.com",
    "postmaster@example.com",
    "owner-list@example.com",
    "MAILER-DAEMON@example.com",
    "user@xn--r8jz45g.xn--zckzah",
    "user@bücher.example",
    "ユーザー@例え.テスト",
    "cafe\u0301@example.com",
    "ｕｓｅｒ@example.com",  # noqa: RUF001
    "us\u200ber@example.com",
    "user@sub-domain.ab--cd.example",
)


def test_postfix_hands_on_every_address_that_we_take_as_it_was_checked() -> None:
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)

    async def scene() -> None:
        async with FaultyHop() as final:
            settings = {
                "relayhost": f"[127.0.0.1]:{final.port}",
                "default_transport": "smtp",
                "smtpd_relay_restrictions": "permit_mynetworks, reject",
                "smtpd_recipient_restrictions": "permit_mynetworks, reject",
                "smtpd_end_of_data_restrictions": "",
                "disable_dns_lookups": "yes",
            }
            with running_postfix(settings) as postfix:
                hops = NextHops([hop_at(postfix.port)], "relay.test")
                for text in ODD:
                    address = address_from_text(text, loose_domains=PHONES)
                    before = len(final.messages)
                    (attempt,) = await hops.deliver(mail_to(str(address)))
                    assert attempt.reply.is_success, (text, attempt.reply)
                    deadline = time.monotonic() + LONG
                    while len(final.messages) == before:
                        assert time.monotonic() < deadline, f"{text} did not come through:\n{postfix.log()[-2000:]}"
                        await asyncio.sleep(0.02)
                    (handed_on,) = (line for line in final.messages[-1].commands if line.startswith(b"RCPT"))
                    assert handed_on.startswith(b"RCPT TO:<" + address.wire + b">"), text
                await hops.close()

    asyncio.run(scene())
