"""The SMTP dialogue of one connection (RFC 5321): verbs in, replies out, transactions to the journey.

A session decides what can be said when. It knows nothing of consent, and refuses nothing for a recipient's sake: that
is the journey's. The journey is never cancelled and its failures never reach the client as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from relay.config.settings import Login, Role
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.inbound import replies
from relay.inbound.clients import peer_of
from relay.inbound.command import Dialect, parse_command, parse_host, parse_mail, parse_rcpt
from relay.inbound.doorway import Doorway
from relay.inbound.limits import Tally
from relay.inbound.login import LoginBusyError, ask_credentials
from relay.inbound.wire import Wire
from relay.log import get_logger
from relay.reply import Reply

_GO_AHEAD: Final = b"354 end the message with <CR><LF>.<CR><LF>\r\n"
#: Attempts at RCPT past the limit, as multiples of it, before the connection is closed.
_PATIENCE: Final = 100
#: Browsers talked into sending a form here (cross-protocol scripting).
_OTHER_PROTOCOLS: Final = frozenset({"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS"})


class Session(Wire):
    """One connection's dialogue, and the one transaction that can be open in it."""

    def __init__(self, doorway: Doorway, peer: str = "") -> None:
        super().__init__(doorway, peer)
        self._tally = Tally(doorway.limits)
        self._helo = ""
        self._extended = False
        self._login: Client | None = None
        self._network: Client | None = None
        self._verb = ""
        self._reset()

    def _reset(self) -> None:
        self._tx: Transaction | None = None
        self._mail_in = False
        self._tried = 0
        self._recipients: list[Recipient] = []

    async def converse(self) -> None:
        self._network = self.doorway.clients.by_network(peer_of(self.peer))
        self.say_raw(f"220 {self.doorway.hostname} ESMTP consent-relay\r\n".encode("ascii"))
        while True:
            await self._obey(await self.read_line())

    async def _obey(self, line: bytes) -> None:
        command = parse_command(line)
        if isinstance(command, Reply):
            self._verb = ""
            self._refuse(command)
            return
        self._verb = command.verb
        answer = self._VERBS.get(command.verb)
        if answer is None:
            if command.verb in _OTHER_PROTOCOLS:
                self.send_away(replies.NOT_SMTP)
            else:
                self._refuse(replies.UNKNOWN_COMMAND)
            return
        # Recipients have a limit of their own, which refuses them without ending the connection.
        too_many = self._tally.command() if command.verb != "RCPT" else None
        if too_many is not None:
            self.send_away(too_many)
            return
        await answer(self, command.argument)

    # Greetings and small talk.

    async def _say_helo(self, argument: bytes) -> None:
        self._greet(argument, extended=False)

    async def _say_ehlo(self, argument: bytes) -> None:
        self._greet(argument, extended=True)

    def _greet(self, argument: bytes, *, extended: bool) -> None:
        host = parse_host(argument)
        if isinstance(host, Reply):
            self._refuse(host)
            return
        self._reset()
        self._helo, self._extended = host, extended
        if extended:
            self.say_raw(self.doorway.greeting(encrypted=bool(self.tls)))
        else:
            self.say_raw(f"250 {self.doorway.hostname}\r\n".encode("ascii"))

    async def _do_noop(self, _argument: bytes) -> None:
        self.say(replies.OK)

    async def _do_help(self, _argument: bytes) -> None:
        self.say(replies.HELP)

    async def _do_vrfy(self, _argument: bytes) -> None:
        self.say(replies.NO_VERIFY)

    async def _do_expn(self, _argument: bytes) -> None:
        self._refuse(replies.NO_EXPAND)

    async def _do_rset(self, argument: bytes) -> None:
        if argument:
            self._refuse(replies.NO_ARGUMENT)
        else:
            self._reset()
            self.say(replies.OK)

    async def _do_quit(self, _argument: bytes) -> None:
        self.say(replies.BYE)
        self.hang_up(is_expected=True)

    # TLS and login.

    async def _do_starttls(self, argument: bytes) -> None:
        if self.tls:
            self._refuse(replies.TLS_ACTIVE)
        elif self.doorway.tls is None:
            self._refuse(replies.NO_TLS)
        elif argument:
            self._refuse(replies.NO_ARGUMENT)
        else:
            self.say(replies.TLS_READY)
            await self.flush()
            await self.start_tls()
            # RFC 3207 section 4.2: what was said before TLS counts for nothing.
            self._helo = ""
            self._reset()

    async def _do_auth(self, argument: bytes) -> None:
        hindrance = self._hindrance_to_login()
        if hindrance is not None:
            self._refuse(hindrance)
            return
        given = await ask_credentials(argument, self._ask)
        if isinstance(given, Reply):
            self._refuse(given)
            return
        try:
            self._login = await self.doorway.logins.check(*given)
        except LoginBusyError:
            self._refuse(replies.LOGIN_BUSY)
            return
        if self._login is not None:
            self.say(replies.LOGGED_IN)
            return
        await asyncio.sleep(self.doorway.login_delay)
        too_many = self._tally.failed_login()
        if too_many is not None:
            self.send_away(too_many)
        else:
            self._refuse(replies.LOGIN_FAILED)

    def _hindrance_to_login(self) -> Reply | None:
        if self.doorway.listener.login is Login.OFF or not self.doorway.logins.possible:
            return replies.NO_LOGIN
        if not self.tls:
            return replies.LOGIN_NEEDS_TLS
        if not self._helo or not self._extended:
            return replies.HELLO_FIRST
        if self._login is not None:
            return replies.LOGGED_IN_ALREADY
        return replies.NO_LOGIN_NOW if self._tx is not None else None

    async def _ask(self, challenge: bytes) -> bytes:
        self.say_raw(b"334 " + challenge + b"\r\n")
        return (await self.read_line()).rstrip(b"\r\n")

    # The transaction.

    async def _do_mail(self, argument: bytes) -> None:
        hindrance = self._hindrance_to_mail()
        if hindrance is not None:
            self._refuse(hindrance)
            return
        mail = parse_mail(argument, self._dialect())
        if isinstance(mail, Reply):
            self._refuse(mail)
            return
        client = self._client
        if client is None:  # only on a listener for mail to the relay itself
            self._mail_in = True
            self.say(replies.SENDER_NOTED)
            return
        journey = self.doorway.journey
        tx = journey.begin(client, self._connection(mail.parameters), mail.sender, mail.parameters)
        reply = await self._answer(journey.at_mail(tx))
        if reply.is_success:
            self._tx = tx
        self.say(reply)

    def _hindrance_to_mail(self) -> Reply | None:
        if not self._helo:
            return replies.HELLO_FIRST
        if self._tx is not None or self._mail_in:
            return replies.NESTED_MAIL
        if self._client is not None or self.doorway.listener.role is Role.MAIL_IN:
            return None
        if not self.doorway.may_log_in:
            return replies.MAY_NOT_RELAY
        return replies.LOGIN_FIRST if self.tls else replies.STARTTLS_FIRST

    @property
    def _client(self) -> Client | None:
        if self.doorway.listener.role is Role.MAIL_IN:
            return None
        if self._login is not None or self.doorway.listener.login is Login.REQUIRED:
            return self._login
        return self._network

    def _dialect(self) -> Dialect:
        smtputf8 = self._tx is not None and self._tx.parameters.smtputf8
        return Dialect(self._extended, self.limits.message_size, self.doorway.loose_domains, smtputf8)

    def _connection(self, parameters: MailParameters) -> Connection:
        """The names of protocols are those that RFC 3848 and RFC 6531 registered."""
        if self._extended:
            kind = "UTF8SMTP" if parameters.smtputf8 else "ESMTP"
            protocol = f"{kind}{'S' if self.tls else ''}{'A' if self._login else ''}"
        else:
            protocol = "SMTP"
        return Connection(self.peer, self._helo, protocol, self.tls)

    async def _do_rcpt(self, argument: bytes) -> None:
        if self._mail_in:
            self._refuse(replies.NO_MAILBOX_HERE)
            return
        tx = self._tx
        if tx is None:
            self._refuse(replies.MAIL_FIRST)
            return
        recipient = parse_rcpt(argument, self._dialect())
        if isinstance(recipient, Reply):
            self._refuse(recipient)
            return
        self._tried += 1
        if self._tried > self.limits.recipients:
            if self._tried > self.limits.recipients * _PATIENCE:
                self.send_away(replies.TOO_MANY_COMMANDS)
            else:
                self.say(replies.TOO_MANY_RECIPIENTS)
            return
        reply = await self._answer(self.doorway.journey.at_rcpt(tx, recipient))
        if reply.is_success:
            self._recipients.append(recipient)
        self.say(reply)

    async def _do_data(self, argument: bytes) -> None:
        tx = self._tx
        if argument:
            self._refuse(replies.NO_ARGUMENT)
        elif tx is None or not self._recipients:
            self._refuse(replies.NO_RECIPIENTS if self._tried else replies.RCPT_FIRST)
        else:
            self.say_raw(_GO_AHEAD)
            await self.flush()
            content = await self.read_message()
            recipients = self._recipients
            self._reset()
            if isinstance(content, Reply):
                self._refuse(content)
                return
            reply = await self._answer(self.doorway.journey.at_data(tx, recipients, content))
            if reply.is_success:
                self._tally.message()
            self.say(reply)

    async def _answer(self, step: Awaitable[Reply]) -> Reply:
        """The journey's reply. What goes wrong in it is ours to mend: the log gets the traceback, the client a 451."""
        try:
            return await step
        except Exception:  # noqa: BLE001 - whatever it was, the client keeps the mail and tries again
            get_logger().error("journey-failed", peer=self.peer, verb=self._verb, exc_info=True)
            return replies.FAILED

    def _refuse(self, reply: Reply) -> None:
        """A refusal by the session itself, which counts towards the limit of errors."""
        client = self._client
        get_logger().info(
            "refused", peer=self.peer, client=client.name if client else "", verb=self._verb, reply=str(reply)
        )
        too_many = self._tally.error()
        if too_many is not None:
            self.send_away(too_many)
        else:
            self.say(reply)

    _VERBS: ClassVar[dict[str, Callable[[Session, bytes], Awaitable[None]]]] = {
        "HELO": _say_helo,
        "EHLO": _say_ehlo,
        "NOOP": _do_noop,
        "HELP": _do_help,
        "VRFY": _do_vrfy,
        "EXPN": _do_expn,
        "RSET": _do_rset,
        "QUIT": _do_quit,
        "STARTTLS": _do_starttls,
        "AUTH": _do_auth,
        "MAIL": _do_mail,
        "RCPT": _do_rcpt,
        "DATA": _do_data,
    }
