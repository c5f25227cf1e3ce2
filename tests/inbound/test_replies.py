from __future__ import annotations

from relay.inbound import replies
from relay.reply import Reply

ALL = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}


def test_every_reply_that_ends_a_connection_says_so_with_421_or_221() -> None:
    for name, reply in ALL.items():
        if "closing" in reply.text:
            assert reply.code in (221, 421), name


def test_no_two_replies_read_the_same() -> None:
    assert len({str(reply) for reply in ALL.values()}) == len(ALL)


def test_replies_for_our_own_failures_are_temporary() -> None:
    for reply in (replies.FAILED, replies.FAILED_CLOSING, replies.NO_OUTCOME, replies.SHUTTING_DOWN):
        assert reply.is_temporary
