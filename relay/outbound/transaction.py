"""One mail transaction over an open connection, with a result for every recipient.

Before the end of the message is sent, a failing connection raises HopError and nothing was handed over. After it, a
missing answer is an unknown outcome (RFC 1047): a duplicate is possible then, a loss is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from relay.address import Address
from relay.decision import Result
from relay.envelope import Body, MailParameters, Recipient
from relay.outbound.commands import dotted, is_transparent, mail_command, rcpt_command
from relay.outbound.wire import HopError, lost
from relay.reply import Reply

if TYPE_CHECKING:
    from relay.config.settings import Timeouts
    from relay.outbound.connection import SmtpConnection
    from relay.outbound.replies import HopReply

#: Replies that blame our session (RFC 4954, RFC 3207): for the operator to mend, no reason to drop a recipient.
_ABOUT_OUR_LOGIN: Final = frozenset({530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class Mail:
    """What one transaction carries. content: with CRLF line ends, dots not doubled, exactly as signed.

    last_look: asked when a connection is at hand and before the next hop hears of the message, because hours of a busy
    next hop may lie in between; a Reply says why it must not be sent any more. Raises nothing.
    """

    sender: Address | None
    parameters: MailParameters
    recipients: tuple[Recipient, ...]
    content: bytes
    last_look: Callable[[], Awaitable[Reply | None]] | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient. try_again: the next hop takes no more recipients in this transaction. silent: it was
    taken, and its sender, who asked to hear of that (NOTIFY=SUCCESS), will not: the next hop offers no DSN.
    """

    result: Result
    reply: Reply
    try_again: bool = False
    silent: bool = False


#: Stands for an accepted RCPT until the answer after the dot; never leaves this module.
_ACCEPTED: Final = Fate(Result.DELIVERED, Reply(250, "2.1.5", "recipient accepted"))
_NO_SMTPUTF8: Final = Fate(Result.REFUSED, Reply(550, "5.6.7", "the next hop does not take addresses outside ASCII"))
_NO_8BITMIME: Final = Fate(Result.REFUSED, Reply(554, "5.6.3", "the next hop does not take 8-bit content"))
_TOO_BIG: Final = Fate(Result.REFUSED, Reply(552, "5.3.4", "the message is too big for the next hop"))
_BARE_LINE_END: Final = Fate(Result.REFUSED, Reply(550, "5.6.0", "a bare CR or LF or a NUL in the message"))
_UNKNOWN: Final = Fate(Result.UNKNOWN, Reply(451, "4.4.2", "the next hop did not say whether it took the message"))


async def hand_over(connection: SmtpConnection, mail: Mail, timeouts: Timeouts, deadline: float) -> tuple[Fate, ...]:
    """Gives `mail` to the next hop; one Fate per recipient, in order. Raises HopError before the end is sent."""
    connection.answered = False
    obstacle = _obstacle(connection, mail)
    if obstacle is not None:
        return (obstacle,) * len(mail.recipients)
    if not mail.content.isascii() and mail.parameters.body is not Body.EIGHT_BIT:
        mail = replace(mail, parameters=replace(mail.parameters, body=Body.EIGHT_BIT))
    if "SMTPUTF8" in connection.extensions:
        return await _Dialogue(connection, mail, timeouts, deadline).run()
    can = tuple(recipient for recipient in mail.recipients if recipient.address.is_ascii)
    if len(can) == len(mail.recipients):
        return await _Dialogue(connection, mail, timeouts, deadline).run()
    fates = iter(await _Dialogue(connection, replace(mail, recipients=can), timeouts, deadline).run() if can else ())
    return tuple(next(fates) if recipient.address.is_ascii else _NO_SMTPUTF8 for recipient in mail.recipients)


def _obstacle(connection: SmtpConnection, mail: Mail) -> Fate | None:
    """Why this next hop cannot take this message for anyone; known without asking it."""
    extensions = connection.extensions
    if not is_transparent(mail.content):
        return _BARE_LINE_END
    if 0 < connection.size_limit < len(mail.content):
        return _TOO_BIG
    ascii_sender = mail.sender is None or mail.sender.is_ascii
    if "SMTPUTF8" not in extensions and not (ascii_sender and not _has_utf8_header(mail)):
        return _NO_SMTPUTF8
    if "8BITMIME" not in extensions and not mail.content.isascii():
        return _NO_8BITMIME
    return None


def _has_utf8_header(mail: Mail) -> bool:
    if not mail.parameters.smtputf8 or mail.content.isascii():
        return False
    head, _, _ = mail.content.partition(b"\r\n\r\n")
    return not head.isascii()


def _needs_smtputf8(mail: Mail) -> bool:
    addresses = [recipient.address for recipient in mail.recipients]
    if mail.sender is not None:
        addresses.append(mail.sender)
    return mail.parameters.smtputf8 or not all(address.is_ascii for address in addresses)


class _Dialogue:
    """MAIL, RCPT, DATA, content; pipelined (RFC 2920) where offered."""

    def __init__(self, connection: SmtpConnection, mail: Mail, timeouts: Timeouts, deadline: float) -> None:
        self._connection = connection
        self._wire = connection.wire
        self._mail = mail
        self._patience = timeouts.reply.total_seconds()
        self._after_dot = timeouts.dot.total_seconds()
        self._deadline = deadline

    async def run(self) -> tuple[Fate, ...]:
        extensions = self._connection.extensions
        mail = self._mail
        smtputf8 = "SMTPUTF8" in extensions and _needs_smtputf8(mail)
        start = mail_command(mail.sender, mail.parameters, len(mail.content), extensions, smtputf8=smtputf8)
        recipients = [rcpt_command(recipient, extensions) for recipient in mail.recipients]
        if "PIPELINING" in extensions:
            fates, go_ahead = await self._envelope_at_once(start, recipients)
        else:
            fates, go_ahead = await self._envelope_step_by_step(start, recipients)
        if not go_ahead:
            return tuple(fates)
        verdict = await self._content()
        return tuple(verdict if fate.result is Result.DELIVERED else fate for fate in fates)

    async def _envelope_at_once(self, start: bytes, recipients: list[bytes]) -> tuple[list[Fate], bool]:
        """Fates so far (DELIVERED stands for an accepted RCPT), and whether the content is to be sent."""
        reset = b"RSET\r\n" if self._connection.needs_reset else b""
        self._wire.write(b"".join((reset, start, *recipients, b"DATA\r\n")))
        if reset:
            await self._expect_reset()
        sender = await self._answer()
        fates = [_rcpt_fate(await self._answer()) for _ in recipients]
        data = await self._reply()
        if not sender.is_positive:
            fates = [_fate(sender)] * len(recipients)
        return self._before_content(fates, data)

    async def _envelope_step_by_step(self, start: bytes, recipients: list[bytes]) -> tuple[list[Fate], bool]:
        if self._connection.needs_reset:
            self._wire.write(b"RSET\r\n")
            await self._expect_reset()
        self._wire.write(start)
        sender = await self._answer()
        if not sender.is_positive:
            return [_fate(sender)] * len(recipients), False
        fates = []
        for command in recipients:
            self._wire.write(command)
            fates.append(_rcpt_fate(await self._answer()))
        if all(fate.result is not Result.DELIVERED for fate in fates):
            self._connection.needs_reset = True
            return fates, False
        self._wire.write(b"DATA\r\n")
        return self._before_content(fates, await self._reply())

    def _before_content(self, fates: list[Fate], data: HopReply) -> tuple[list[Fate], bool]:
        accepted = any(fate.result is Result.DELIVERED for fate in fates)
        if data.code == 354:
            if accepted:
                return fates, True
            # It waits for content that is for nobody. Nothing of the message is sent over this connection any more.
            self._connection.abort()
            return fates, False
        self._connection.needs_reset = True
        if data.is_positive:
            raise HopError(Reply(451, "4.5.0", "the next hop does not speak SMTP: no 354 to DATA"))
        refused = _fate(data)
        return [refused if fate.result is Result.DELIVERED else fate for fate in fates], False

    async def _content(self) -> Fate:
        content = dotted(self._mail.content)
        try:
            last = await self._wire.write_all_but_last_piece(content, self._patience, self._deadline)
            self._expect_silence()
        except HopError:
            early = self._wire.unread_reply()  # "552 too big", then closed
            self._connection.abort()
            if early is not None and early.code == 421:
                raise HopError(early.passed_on(), lost=True) from None
            if early is None or early.is_positive:
                raise
            return _fate(early)
        self._wire.write(bytes(last) if len(last) < len(content) else content)
        try:
            answer = await self._wire.reply(self._after_dot, self._deadline)
        except HopError:
            self._connection.abort()
            return _UNKNOWN
        if answer.is_positive and answer.code >= 300:
            self._connection.abort()
            return _UNKNOWN
        if answer.code == 421:
            self._connection.abort()
        # RFC 5321 section 4.1.1.4 ends the transaction here; Postfix keeps it open when it refuses at the end of DATA.
        self._connection.needs_reset = not answer.is_positive
        return _fate(answer)

    def _expect_silence(self) -> None:
        """What was said before the end of the message is no answer to it: a yes there would be a promise of nobody."""
        if not self._wire.is_open:
            raise lost()
        if not self._wire.is_quiet:
            raise HopError(
                Reply(451, "4.5.0", "the next hop does not speak SMTP: it answers before the message has ended")
            )

    async def _expect_reset(self) -> None:
        if not (await self._reply()).is_positive:
            raise HopError(Reply(451, "4.5.0", "the next hop does not speak SMTP: it refuses RSET"))
        self._connection.needs_reset = False
        self._connection.answered = False

    async def _answer(self) -> HopReply:
        reply = await self._reply()
        if 300 <= reply.code < 400:
            raise HopError(Reply(451, "4.5.0", "the next hop does not speak SMTP: 3xx where 2xx must stand"))
        return reply

    async def _reply(self) -> HopReply:
        reply = await self._wire.reply(self._patience, self._deadline)
        if reply.code == 421:  # it closes; another hop, or a fresh connection, may take the message
            raise HopError(reply.passed_on(), lost=True)
        if reply.is_positive:
            self._connection.answered = True
        return reply


def _rcpt_fate(reply: HopReply) -> Fate:
    if reply.is_positive:
        return _ACCEPTED
    fate = _fate(reply)
    return replace(fate, try_again=True) if reply.code == 452 else fate


def _fate(reply: HopReply) -> Fate:
    if reply.is_positive:
        return Fate(Result.DELIVERED, reply.passed_on())
    if reply.code in _ABOUT_OUR_LOGIN:
        return Fate(Result.DEFERRED, reply.passed_on(451, "4.7.0"))
    if reply.code < 500:
        return Fate(Result.DEFERRED, reply.passed_on())
    return Fate(Result.REFUSED, reply.passed_on())
