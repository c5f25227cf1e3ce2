"""The log: one JSON object a line through structlog. Typed verbs for what operators search for; never a token,
a credential or a body. Personal data only where a field says so: `recipient`, in clear or as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import structlog

from relay.decision import Decision, Outcome, Result

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

    from relay.queued import Move, NewCopy, Step

#: A moment in UTC that is all of a text in JSON: a quote inside a text has a backslash before it.
_MOMENT: Final = re.compile(r'"(?<!\\")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)\+00:00"')


def configure(path: str = "-", *, hash_key: bytes | None = None, debug: bool = False) -> None:
    """Send the log to standard output ("-") or append it to a file.

    hash_key: where given, recipients and senders are written as keyed hashes (16 hex digits of HMAC-SHA-256).
    Raises OSError when the file cannot be opened.
    """
    lines = _Lines(path)
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _for_eyes,
    ]
    if hash_key is not None:
        processors.append(_AddressHash(hash_key))
    processors.append(structlog.processors.JSONRenderer(serializer=_serialise))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, lines)),
        cache_logger_on_first_use=False,
    )
    # aiosmtpd logs every command with its addresses at INFO.
    logging.getLogger("mail.log").setLevel(logging.WARNING)


def get_logger() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def write_decision(decision: Decision) -> None:
    get_logger().info(
        "decision",
        id=decision.id,
        message=decision.message,
        client=decision.client,
        stream=decision.stream,
        sender=decision.sender,
        recipient="" if decision.recipient is None else str(decision.recipient),
        verdict=decision.verdict,
        enforced=decision.enforced,
        reason=decision.reason,
        reasons=list(decision.reasons),
        smtp_code=decision.reply.code,
        policy=decision.policy[:12],
        status=decision.status,
        facts=dict(decision.facts),
    )


def write_outcome(outcome: Outcome) -> None:
    """What has to be tried again is a warning: a next hop that is down all night stands out."""
    logger = get_logger()
    write = logger.warning if outcome.result in (Result.DEFERRED, Result.UNKNOWN) else logger.info
    write(
        "outcome",
        id=outcome.decision,
        result=outcome.result,
        reason=outcome.reason,
        smtp_code=outcome.reply.code,
        reply=str(outcome.reply),
        next_hop=outcome.next_hop,
        seconds=round(outcome.seconds, 4),
        footer=outcome.footer,
    )


def write_acceptance(step: Step) -> None:
    """What was taken over and does not go out at once: `queued`, `held`, `failed` or `discarded`, once a recipient."""
    for message in step.messages:
        for copy in message.copies:
            _write_waiting(message.tx.id, copy)
    _write_reports(step)


def write_moves(step: Step, message: str) -> None:
    """The same of copies that waited before: where each goes, unless it is over."""
    for move in step.moves:
        if move.state is not None:
            _write_waiting(message, move)
    _write_reports(step)


def _write_waiting(message: str, copy: NewCopy | Move) -> None:
    due_at = None if copy.due_at is None else copy.due_at.isoformat(timespec="seconds")
    get_logger().info(str(copy.state), message=message, id=copy.decision, reason=copy.reason, due_at=due_at)


def _write_reports(step: Step) -> None:
    for line in step.reports:
        get_logger().info("discarded", message=line.message, id=line.decision, fate=line.fate, reason=line.reason)


def _as_json(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return dict(value)
    return str(value)


#: json.dumps makes an encoder each time, which takes longer than a short line.
_encode: Final = json.JSONEncoder(ensure_ascii=False, default=_as_json, separators=(",", ":")).encode


def _serialise(record: MutableMapping[str, Any], **_: Any) -> bytes:
    """Every time in a line is written as `at` is: two forms of one moment are not found by one search."""
    return _MOMENT.sub(r'"\1Z"', _encode(record)).encode("utf-8", "backslashreplace")


def _for_eyes(_logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how bad and what come first: a line is read from its beginning, by people too."""
    first = {name: record[name] for name in ("at", "level", "event") if name in record}
    return {**first, **record}


class _Lines:
    """The log's file: every line is one write, so that processes may share it; opened once, open while we run.

    Writing never raises: a full disk or a reader that went away must not keep a client from the reply to what was
    sent already, or it would send again. How many lines were lost is written once there is room.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = 1 if path == "-" else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._lost = 0
        self._is_torn = False

    def write(self, line: bytes) -> None:
        if self._lost:
            at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            told = {"at": at, "level": "error", "event": "log-lines-lost", "lines": self._lost}
            if not self._written(_serialise(told) + b"\n"):
                self._lost += 1
                return
            self._lost = 0
        self._lost += not self._written(line)

    def _written(self, line: bytes) -> bool:
        """Is the whole line out? What was only begun gets a line end before the next."""
        rest = b"\n" + line if self._is_torn else line
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
                self._is_torn = bool(rest)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Nothing is kept back."""


class _AddressHash:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, _logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name in ("recipient", "sender"):
            if record.get(name):
                record[name] = hmac.new(self._key, str(record[name]).encode(), hashlib.sha256).hexdigest()[:16]
        return record
