"""From a checked policy file to the frozen values of `model`: defaults filled in, profiles applied, hashed. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from relay.config.toml import Document
from relay.consent.facts import Freshness
from relay.consent.retention import Retention
from relay.policy.checks import profiles_of, written_figures
from relay.policy.footers import Templates, footer_words
from relay.policy.format import ExpectTable, MatchTable, MessageTable, MigrationTable, PolicyFile, SenderTable
from relay.policy.migration import Migration, migration_until, noon_of
from relay.policy.model import (
    ConsentRules,
    Expect,
    Given,
    HoldRules,
    Match,
    MessageRules,
    Origin,
    Policies,
    SenderIdentity,
    Stream,
    Texts,
)
from relay.policy.profiles import Profile, resolve
from relay.policy.values import NEVER
from relay.reason import MEANINGS

#: What does not change a decision, so does not change the hash.
_NOT_HASHED: Final = frozenset({"expects", "file", "hash", "html_file", "origins", "text_file"})


def build_stream(
    parsed: PolicyFile, document: Document, profiles: Mapping[str, Profile], templates: Templates
) -> Stream:
    """parsed: of `document`, without problems. templates: those that it names."""
    applied = profiles_of(document.data, profiles)
    resolved = resolve(written_figures(document.data), applied)
    values = resolved.values
    table = parsed.stream
    purpose: Texts = table.purpose or {}
    stream = Stream(
        id=table.id,
        brand=table.brand,
        kind=table.kind,
        mode=table.mode,
        purpose=MappingProxyType(dict(purpose)),
        audience=MappingProxyType(dict(table.audience or {})),
        list_id=table.list_id or "",
        sender=None if parsed.sender is None else _sender(parsed.sender),
        matches=tuple(map(_match, parsed.match)),
        consent=ConsentRules(
            accept=values["consent.accept"],
            freshness=Freshness(
                confirm_within=_limit(values["consent.confirm_within"]),
                first_mail_within=_limit(values["consent.first_mail_within"]),
                stale_after=_limit(values["consent.stale_after"]),
                renew_every=_limit(values["consent.renew_every"]),
                confirmation_sent_within=_limit(values["consent.confirmation_sent_within"]),
                customer_within=_limit(values["consent.customer_within"]),
                inquiry_within=_limit(values["consent.inquiry_within"]),
                ask_before=_limit(values["consent.ask_before"]),
            ),
        ),
        verdicts=MappingProxyType({reason: meaning.default for reason, meaning in MEANINGS.items()} | parsed.verdict),
        hold=HoldRules(longest=values["hold.for"], ask_again=values["hold.ask_again"], expired=parsed.hold.expired),
        message=_message(parsed.message, purpose, values),
        internal=tuple(pattern for table in parsed.internal for pattern in table.address),
        expects=tuple(
            _expect(one, document.line_of(("expect", number)), parsed.message.timezone)
            for number, one in enumerate(parsed.expect)
        ),
        file=str(document.path),
        hash="",
        profiles=tuple(profile.id for profile in applied),
        footers=MappingProxyType(footer_words(document, templates)),
        origins=MappingProxyType({**resolved.origins, **_written(document)}),
        retention=Retention(
            evidence=_limit(values["retention.evidence"]), technical=_limit(values["retention.technical"])
        ),
        migration=None if parsed.migration is None else _migration(parsed.migration, parsed.message.timezone),
    )
    return replace(stream, hash=_hash(_canonical(stream)))


def build_policies(streams: Sequence[Stream]) -> Policies:
    return Policies(tuple(streams), _hash([stream.hash for stream in streams]))


def _sender(table: SenderTable) -> SenderIdentity:
    return SenderIdentity(
        name=MappingProxyType(table.name),
        postal_address=MappingProxyType(table.postal_address),
        contact=table.contact,
        privacy_policy=table.privacy_policy,
        stop_address=table.stop_address or "",
    )


def _migration(table: MigrationTable, timezone: str) -> Migration:
    return migration_until(table.accept, table.until, timezone, table.said_before)


def _match(table: MatchTable) -> Match:
    return Match(table.client or (), table.mail_from or (), MappingProxyType(table.header or {}))


def _message(table: MessageTable, purpose: Texts, values: Mapping[str, Any]) -> MessageRules:
    """Where no language is set, the first one of the purpose: what the author of the file writes in."""
    return MessageRules(
        existing_list_unsubscribe=table.existing_list_unsubscribe,
        undisclosable=values["message.undisclosable"],
        amp=values["message.amp"],
        charset=table.charset,
        old_signatures=table.old_signatures,
        language=table.language or next((tag for tag in purpose if tag), "en"),
        timezone=table.timezone,
        feedback_id=table.feedback_id,
        cfbl_address=table.cfbl_address,
        precedence=table.precedence,
        auto_submitted=table.auto_submitted,
        refused_after_data=table.refused_after_data,
        unsubscribe_hosts=table.unsubscribe_hosts,
    )


def _expect(table: ExpectTable, line: int, timezone: str) -> Expect:
    given = table.given
    return Expect(
        given=Given(
            basis=given.basis,
            act=given.act,
            granted=given.granted,
            confirmed=given.confirmed,
            renewed=given.renewed,
            requested=given.requested,
            last_contact=given.last_contact,
            withdrawn=given.withdrawn,
            withdrawn_brand=given.withdrawn_scope == "brand",
            complained=given.complained,
            undeliverable=given.undeliverable,
            live=given.live,
            paused=given.paused,
            address=given.address or "",
        ),
        verdict=table.verdict,
        reason=table.reason,
        reasons=table.reasons,
        note=table.note or "",
        line=line,
        at=None if table.on is None else noon_of(table.on, timezone),
    )


def _limit(value: timedelta) -> timedelta | None:
    return None if value == NEVER else value


def _written(document: Document) -> dict[str, Origin]:
    """Where the keys stand that the file itself gives."""
    places: dict[str, tuple[str | int, ...]] = {name: (name,) for name in document.data}
    for name, table in document.data.items():
        if isinstance(table, dict):
            places |= {f"{name}.{key}": (name, key) for key in table}
            inner = {key: keys for key, keys in table.items() if isinstance(keys, dict)}
            places |= {f"{name}.{key}.{last}": (name, key, last) for key, keys in inner.items() for last in keys}
        elif isinstance(table, list):
            places |= {f"{name}.{number}": (name, number) for number in range(len(table))}
    return {key: Origin(str(document.path), document.line_of(place)) for key, place in places.items()}


def _canonical(value: Any) -> Any:
    """JSON values in one order, whatever the order in the file."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in _NOT_HASHED}
        return _canonical(named)
    if isinstance(value, Mapping):
        return {str(key): _canonical(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, (tuple, list)):
        return [_canonical(inner) for inner in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
