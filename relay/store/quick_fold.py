"""Folds the usual histories straight from columns to columns, for lists of thousands of people who are known already.

`relay.consent.fold` is what decides; this gives the same rows or none at all (None), and then that way is gone instead.
What an event is worth and whom a no concerns is asked there, once for all events of a shape; only times are compared
here. A line that was edited by hand is nothing usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from relay.address import Address
from relay.consent.events import NOES, RELAY, Act, Basis, Event, EventKind
from relay.consent.evidence import Evidence
from relay.consent.fold import basis_and_act, no_of_event
from relay.store.rows import Row
from relay.store.told import Told

#: A line of the ledger in the order of queries/histories.sql.
Said = tuple[Any, ...]

_ADDRESS: Final = 3
_USUAL: Final = frozenset(
    {
        EventKind.REQUEST,
        EventKind.GRANT,
        EventKind.CONFIRM,
        EventKind.RENEW,
        EventKind.WITHDRAW,
        EventKind.COMPLAIN,
    }
)
_STRENGTH: Final = {basis: -rank for rank, basis in enumerate(Basis)}
_SOMEBODY: Final = Address("somebody", "example.com")
_SOME_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
#: Times that a calendar has, in microseconds since 1970: within the years 1 to 9998.
_FIRST: Final = -62_135_596_800_000_000
_LAST: Final = 253_370_764_800_000_000


class _Worth(NamedTuple):
    """What an event counts as, whenever it was. scope: of a no, kind, brand and stream; None of anything else. strength,
    by_act: of a yes; None of a request. is_question: the relay asked.
    """

    scope: tuple[str, str, str] | None = None
    basis: str | None = None
    act: str | None = None
    strength: int | None = None
    by_act: bool = False
    is_question: bool = False


class _Yes(NamedTuple):
    """In the order in which the strongest and newest is found."""

    strength: int
    at: int
    id: str
    worth: _Worth
    said: Said


def said_of(told: Told) -> Said:
    """A row of a list as it will stand in the ledger."""
    (
        wide, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
        mail_sent_at, last_contact_at, form_url, wording, language, _, _, _,
    ) = told  # fmt: skip
    return (
        wide, identity, kind, address, brand, stream, at, recorded_at, source, basis, act, confirmed_at, mail_sent_at,
        last_contact_at, form_url, wording, language, 0, 0, recorder,
    )  # fmt: skip


def quick_fold(history: Sequence[Said], fresh: Sequence[Said]) -> tuple[list[Row], list[Row]] | None:
    """Rows of facts and of noes that have to be written once `fresh` stands in the ledger behind `history`, all of one
    person who was never erased. None where anything is unusual.
    """
    # What came in with this list was parsed, so what equals it is an address.
    addresses = {said[_ADDRESS] for said in fresh}
    ids = {said[1] for said in fresh}
    noes: dict[tuple[str, str, str], int] = {}
    spoken: dict[tuple[str, str], list[tuple[_Worth, Said]]] = {}
    for said in (*history, *fresh):
        (
            _, _, kind, address, brand, stream, at, recorded_at, _, basis, act, confirmed_at, mail_sent_at,
            last_contact_at, _, wording, _, _, own_act, recorder,
        ) = said  # fmt: skip
        worth = _worth(
            kind, brand, stream, basis, act, at is None, confirmed_at is None, mail_sent_at is None,
            last_contact_at is None, wording, own_act, recorder == RELAY,
        )  # fmt: skip
        acted_at = recorded_at if at is None else at
        if (
            worth is None
            or address not in addresses
            or not _FIRST < acted_at <= recorded_at < _LAST
            or (confirmed_at is not None and not acted_at <= confirmed_at <= recorded_at and at is not None)
            or (confirmed_at is not None and not _FIRST < confirmed_at <= recorded_at)
            or (last_contact_at is not None and not _FIRST < last_contact_at <= recorded_at)
            or (mail_sent_at is not None and not _sent_in_time(mail_sent_at, at, confirmed_at, recorded_at))
        ):
            return None
        if worth.scope is None:
            spoken.setdefault((stream, address), []).append((worth, said))
        elif noes.get(worth.scope, _FIRST) < acted_at:
            noes[worth.scope] = acted_at
    for said in history:
        if said[1] in ids:
            return None
    says_no = [said for said in fresh if said[2] in NOES]
    if any(_said_at(said) == said[7] for said in says_no) and _may_follow(history, says_no):
        return None
    wide = fresh[0][0]
    touched = spoken if says_no else {(said[5], said[_ADDRESS]) for said in fresh}
    return (
        [(*key, *_folded(spoken[key], noes, key[0])) for key in touched],
        [(wide, kind, brand, stream, "", at) for (kind, brand, stream), at in noes.items()] if says_no else [],
    )


def _sent_in_time(mail_sent_at: int, at: int | None, confirmed_at: int | None, recorded_at: int) -> bool:
    return (
        _FIRST < mail_sent_at <= recorded_at
        and (at is None or at <= mail_sent_at)
        and (confirmed_at is None or mail_sent_at <= confirmed_at)
    )


def _may_follow(history: Sequence[Said], noes: Sequence[Said]) -> bool:
    """Is there a yes that a no, said when it was recorded, would have to be moved behind?"""
    first = min(said[7] for said in noes)
    return any(_said_at(said) > first for said in history)


def _said_at(said: Said) -> int:
    at = said[11] if said[11] is not None else said[6]
    return int(said[7] if at is None else at)


def _folded(spoken: list[tuple[_Worth, Said]], noes: dict[tuple[str, str, str], int], stream: str) -> Row:
    """`fold.fold` with times in microseconds: the columns of facts behind stream and address."""
    last_no = None
    if noes:
        brands = {said[4] for _, said in spoken}
        covering = [
            at
            for (_, brand, of_stream), at in noes.items()
            if (not brand or brand in brands) and (not of_stream or of_stream == stream)
        ]
        last_no = max(covering, default=None)
    yeses = [
        _Yes(worth.strength, _said_at(said), said[1], worth, said)
        for worth, said in spoken
        if worth.strength is not None
    ]
    freeing = [yes.at for yes in yeses if yes.said[18] and yes.worth.by_act]
    counting = yeses
    if last_no is not None:
        freed_from = min((at for at in freeing if at > last_no), default=None)
        counting = [] if freed_from is None else [yes for yes in yeses if yes.at >= freed_from]
    of_yes: Row = (None,) * 7
    renewed_at = None
    if counting:
        best = max(counting)
        said = best.said
        live = 0 if said[2] == EventKind.RENEW.value else said[17]
        of_yes = (best.worth.basis, best.worth.act, best.at, said[8] or "", live, said[14] or "", said[16])
        newest = max((yes.at for yes in counting if yes.worth.by_act), default=best.at)
        renewed_at = newest if newest > best.at else None
    contacts = [said[13] for _, said in spoken if said[13] is not None]
    requested_at, mail_sent_at, request_live = None, None, 0
    if len(yeses) < len(spoken):
        requests = [said for worth, said in spoken if worth.strength is None and not worth.is_question]
        requested_at, mail_sent_at, request_live = _open_request(requests, counting, last_no)
    asked_at, asked = None, 0
    if counting:
        questions = [said for worth, said in spoken if worth.is_question]
        asked_at, asked = _open_questions(questions, best.at if renewed_at is None else renewed_at)
    return (
        requested_at, *of_yes, renewed_at, max(freeing, default=None), max(contacts, default=None), mail_sent_at,
        request_live, asked_at, asked,
    )  # fmt: skip


def _open_request(
    requests: list[Said], counting: list[_Yes], last_no: int | None
) -> tuple[int | None, int | None, int]:
    standing = [said for said in requests if last_no is None or _said_at(said) > last_no]
    asked_at = max(map(_said_at, standing), default=None)
    if asked_at is None or any(yes.worth.by_act and yes.at >= asked_at for yes in counting):
        return None, None, 0
    sent = (said[12] for said in standing if said[12] is not None and said[12] >= asked_at)
    return asked_at, max(sent, default=None), int(any(said[17] for said in standing if _said_at(said) == asked_at))


def _open_questions(questions: list[Said], newest_yes: int) -> tuple[int | None, int]:
    sent: dict[int, int] = {}
    for said in questions:
        asked_at, mail_sent_at = _said_at(said), said[12]
        if mail_sent_at is not None and asked_at > newest_yes:
            sent[asked_at] = max(sent.get(asked_at, mail_sent_at), mail_sent_at)
    return max(sent.values(), default=None), len(sent)


@lru_cache(maxsize=4096)
def _worth(  # noqa: PLR0917 - the columns that make a shape, bound quickly
    kind: str,
    brand: str,
    stream: str,
    basis: str | None,
    act: str | None,
    no_at: bool,
    no_confirmed_at: bool,
    no_mail_sent_at: bool,
    no_last_contact_at: bool,
    wording: str | None,
    own_act: int,
    is_question: bool,
) -> _Worth | None:
    """None of what is unusual, and of what is no event at all."""
    try:
        event = Event(
            id="",
            kind=EventKind(kind),
            address=_SOMEBODY,
            brand=brand,
            stream=stream,
            at=None if no_at else _SOME_TIME,
            recorded_at=_SOME_TIME,
            source="",
            recorder=RELAY if is_question else "",
            basis=None if basis is None else Basis(basis),
            act=None if act is None else Act(act),
            confirmed_at=None if no_confirmed_at else _SOME_TIME,
            mail_sent_at=None if no_mail_sent_at else _SOME_TIME,
            last_contact_at=None if no_last_contact_at else _SOME_TIME,
            evidence=Evidence(wording=wording or ""),
            own_act=bool(own_act),
        )
    except ValueError:
        return None
    if event.kind not in _USUAL:
        return None
    no = no_of_event(event)
    if no is not None:
        return _Worth(scope=(no.kind.value, no.brand, no.stream))
    if not event.says_yes:
        return _Worth(is_question=event.is_question)
    worth, did = basis_and_act(event)
    return _Worth(None, worth.value, did.value, _STRENGTH[worth], worth.is_by_act)
