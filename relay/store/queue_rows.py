"""Messages, copies and report lines to columns and back. Knows the order of columns in queries/, nothing of connections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from relay.address import Address
from relay.consent.ledger import microseconds, moment_of
from relay.envelope import Body, Client, Connection, MailParameters, Recipient, Transaction
from relay.queued import Copy, Fate, Message, Move, NewCopy, NewMessage, Origin, ReportLine, State
from relay.reason import Reason
from relay.reply import Reply
from relay.store.port import UnreadableError
from relay.store.rows import address_of, loaded, stored

Row = tuple[Any, ...]


def message_row(new: NewMessage) -> Row:
    tx = new.tx
    return (
        tx.id,
        microseconds(tx.started),
        tx.client.name,
        new.stream,
        new.brand,
        tx.sender_text,
        _envelope(tx),
        len(new.content),
        new.origin.value,
        new.about,
    )


def copy_row(message: int, new: NewMessage, copy: NewCopy) -> Row:
    at = microseconds(new.tx.started)
    return (
        message,
        copy.decision,
        str(copy.recipient.address),
        copy.recipient.address.wide,
        copy.recipient.address.domain,
        new.brand,
        new.stream,
        len(new.content),
        " ".join(copy.recipient.notify),
        copy.recipient.orcpt,
        copy.state.value,
        copy.reason.value,
        at,
        at,
        microseconds(copy.due_at),
        copy.attempts,
        *_reply_columns(copy.last),
        copy.next_hop,
        stored(copy.asked_at),
    )


def move_values(move: Move, lease: str) -> dict[str, Any]:
    """For the query move_copy; of a move that goes on."""
    last = move.last
    return {
        "copy": move.copy,
        "lease": lease,
        "at": microseconds(move.at),
        "state": str(move.state),
        "reason": str(move.reason),
        "due_at": stored(move.due_at),
        "decision": move.decision,
        "counts": int(move.counts),
        "code": None if last is None else last.code,
        "enhanced": None if last is None else last.enhanced,
        "reply": None if last is None else last.text,
        "next_hop": move.next_hop,
        "warned": int(move.warned),
        "asked_at": stored(move.asked_at),
    }


def report_row(line: ReportLine) -> Row:
    return (
        microseconds(line.at),
        line.client,
        line.brand,
        line.stream,
        line.message,
        line.decision,
        line.sender,
        line.recipient,
        line.fate.value,
        line.reason.value,
        line.reply,
    )


def replaced_row(row: Sequence[Any], at: datetime) -> Row:
    """The report line of a row of held_before."""
    _, decision, address, stream, brand, reason, message, client, sender, _ = row
    return (
        microseconds(at), client, brand, stream, message, decision, sender, address, Fate.REPLACED.value, reason, "",
    )  # fmt: skip


def message_of(row: Sequence[Any]) -> Message:
    """A row of messages_numbered. Raises UnreadableError."""
    number, identity, at, client, stream, brand, sender, envelope, octets, origin, about, starts, tellings = row
    try:
        return Message(
            number=number,
            tx=_transaction(identity, at, client, sender, envelope),
            stream=stream,
            brand=brand,
            at=moment_of(at),
            octets=octets,
            origin=Origin(origin),
            about=about,
            starts=starts,
            tellings=tellings,
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UnreadableError(f"message {number} of the queue", _without_data(error)) from None


def copy_of(row: Sequence[Any]) -> Copy:
    """A row of copies_numbered. Raises UnreadableError."""
    (
        number, message, decision, address, notify, orcpt, state, reason, stream, octets, at, since, due_at, asked_at,
        warned_at, attempts, code, enhanced, reply, next_hop,
    ) = row  # fmt: skip
    try:
        return Copy(
            number=number,
            message=message,
            decision=decision,
            recipient=Recipient(address_of(address), tuple(notify.split()), orcpt),
            state=State(state),
            reason=Reason(reason),
            stream=stream,
            octets=octets,
            at=moment_of(at),
            since=moment_of(since),
            due_at=loaded(due_at),
            asked_at=loaded(asked_at),
            warned_at=loaded(warned_at),
            attempts=attempts,
            last=Reply(code, enhanced, reply) if code else None,
            next_hop=next_hop,
        )
    except (ValueError, OverflowError) as error:
        raise UnreadableError(f"copy {number} of the queue", _without_data(error)) from None


def _reply_columns(reply: Reply | None) -> Row:
    return (0, "", "") if reply is None else (reply.code, reply.enhanced, reply.text)


def _envelope(tx: Transaction) -> str:
    """What is known beside sender and recipients, as JSON."""
    connection, parameters = tx.connection, tx.parameters
    known = {
        "peer": connection.peer,
        "helo": connection.helo,
        "protocol": connection.protocol,
        "tls": connection.tls,
        "size": parameters.size,
        "body": parameters.body.value,
        "smtputf8": parameters.smtputf8,
        "ret": parameters.ret,
        "envid": parameters.envid,
    }
    return json.dumps({name: value for name, value in known.items() if value}, separators=(",", ":"))


def _transaction(identity: str, at: int, client: str, sender: str, envelope: str) -> Transaction:
    known = json.loads(envelope)
    return Transaction(
        id=identity,
        started=moment_of(at),
        client=Client(client),
        connection=Connection(
            known.get("peer", ""), known.get("helo", ""), known.get("protocol", ""), known.get("tls", "")
        ),
        sender=_sender(sender),
        parameters=MailParameters(
            size=known.get("size"),
            body=Body(known.get("body", Body.SEVEN_BIT.value)),
            smtputf8=bool(known.get("smtputf8", False)),
            ret=known.get("ret", ""),
            envid=known.get("envid", ""),
        ),
    )


def _sender(text: str) -> Address | None:
    return address_of(text) if text else None


def _without_data(error: Exception) -> str:
    """Words for the log: an error of a value may quote the value."""
    return type(error).__name__
