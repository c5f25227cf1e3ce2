"""What the keys of a policy file say together, and the files of a folder among each other. Pure.

Looks at the data as written, not at the parsed file: so these problems are told together with those of single keys,
even when the file has both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from relay.config.mistakes import Mistake, Mistakes, did_you_mean, one_of, shown
from relay.config.toml import Document, Problem
from relay.policy.figures import FIGURES
from relay.policy.message_values import read_timezone
from relay.policy.migration import LONGEST_DAYS, latest_end
from relay.policy.model import Kind
from relay.policy.profiles import SEED, Profile, resolve, rules_for
from relay.policy.values import read_bases, read_calendar_day
from relay.reason import MEANINGS, Reason, Verdict

_T = TypeVar("_T")
_STREAM_NEEDS: Final = {
    "purpose": ("people must be told what they get", 'write purpose = { ja = "...", en = "..." }'),
    "audience": ("people must be told why they get it", 'write audience = { ja = "...", en = "..." }'),
    "list_id": ("mail programs know the stream by it", 'write list_id = "newsletter.brand.example"'),
}
_SENDER_NEEDS: Final = (
    "write [sender] with name, postal_address, contact and privacy_policy: the law wants them in every mail"
)
_YES_KEYS: Final = ("act", "confirmed", "renewed", "live")


def check_document(document: Document, profiles: Mapping[str, Profile], now: datetime) -> Iterator[Problem]:
    """profiles: all that can be named, by id. now: aware, the moment of loading."""
    stream = _table(document.data, "stream")
    if stream.get("kind") == Kind.COMMERCIAL:
        yield from _commercial(document, stream)
        yield from _profiles(document, stream, profiles)
        yield from _migration(document, profiles, now)
    elif stream.get("kind") in list(Kind):
        yield from _not_commercial(document, str(stream["kind"]))
        yield from _profiles(document, stream, profiles)
    yield from _matches(document)
    yield from _language(document, stream)
    for number, expect in enumerate(_tables(document.data, "expect")):
        yield from _expect(document, ("expect", number), expect)


def check_together(documents: Sequence[Document]) -> Iterator[Problem]:
    """Ids of streams and lists stand for one file each."""
    for key in ("id", "list_id"):
        first: dict[str, str] = {}
        for document in documents:
            value = _table(document.data, "stream").get(key)
            if not isinstance(value, str):
                continue
            if value in first:
                yield document.problem(
                    ("stream", key), f"{shown(value)} is already taken by {first[value]}", "choose another one"
                )
            first.setdefault(value, f"{document.path}:{document.line_of(('stream', key))}")


def written_figures(data: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that the file itself gives; those that cannot be read are left out (they are told of elsewhere)."""
    found: dict[str, Any] = {}
    for key, figure in FIGURES.items():
        table, _, name = key.partition(".")
        value = _table(data, table).get(name)
        if value is None:
            continue
        try:
            found[key] = figure.read(value)
        except (Mistake, Mistakes):
            continue
    return found


def profiles_of(data: Mapping[str, Any], profiles: Mapping[str, Profile]) -> tuple[Profile, ...]:
    """The profiles that the file names, and seed."""
    names = _table(data, "stream").get("profiles")
    wanted = [SEED, *(name for name in names if isinstance(name, str))] if isinstance(names, list) else [SEED]
    return tuple(profiles[name] for name in dict.fromkeys(wanted) if name in profiles)


def _commercial(document: Document, stream: Mapping[str, Any]) -> Iterator[Problem]:
    for key, (why, instead) in _STREAM_NEEDS.items():
        if key not in stream:
            yield _missing(document, f"stream.{key}", why, instead)
    if "sender" not in document.data:
        yield _missing(document, "sender", "a commercial stream says who sends", _SENDER_NEEDS)


def _profiles(document: Document, stream: Mapping[str, Any], profiles: Mapping[str, Profile]) -> Iterator[Problem]:
    names = stream.get("profiles")
    for number, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str) and name not in profiles:
            near = did_you_mean(name, list(profiles))
            known = ", ".join(sorted(profiles))
            instead = f'did you mean "{near}"?' if near else f"the profiles are {known}"
            yield document.problem(("stream", "profiles", number), f"there is no profile {shown(name)}", instead)
    resolved = resolve(written_figures(document.data), profiles_of(document.data, profiles))
    is_commercial = stream.get("kind") == Kind.COMMERCIAL
    for key, wrong, instead in resolved.looser:
        # of the other tables it is told that they have no effect
        if is_commercial or key.startswith("retention."):
            yield document.problem(key.split("."), wrong, instead)
    if is_commercial and not resolved.values["consent.accept"]:
        yield document.problem(
            ("stream", "profiles"),
            "these profiles together leave no basis that counts as consent",
            "write consent.accept yourself",
        )


def _migration(document: Document, profiles: Mapping[str, Profile], now: datetime) -> Iterator[Problem]:
    """It ends within reach, and no law is loosened by it: what may never count may not count for a while either."""
    table = _table(document.data, "migration")
    accept, until = _readable(read_bases, table.get("accept")), _readable(read_calendar_day, table.get("until"))
    latest = latest_end(now, _timezone(document))
    if until is not None and until > latest:
        yield document.problem(
            ("migration", "until"), f"lies more than {LONGEST_DAYS} days ahead", f"write {latest} or an earlier day"
        )
    if accept is None:
        return
    figure = FIGURES["consent.accept"]
    for profile, rule in rules_for("consent.accept", profiles_of(document.data, profiles)):
        if rule.limit is not None and figure.is_looser(frozenset(accept), rule.limit):
            yield document.problem(
                ("migration", "accept"),
                f"is looser than the profile {profile.id} allows ({rule.source})",
                figure.advice(rule.limit),
            )


def _timezone(document: Document) -> str:
    return _readable(read_timezone, _table(document.data, "message").get("timezone")) or "UTC"


def _readable(read: Callable[[object], _T], value: object) -> _T | None:
    """None for what is not there or cannot be read; that is told where its format is looked at."""
    try:
        return None if value is None else read(value)
    except (Mistake, Mistakes):
        return None


def _not_commercial(document: Document, kind: str) -> Iterator[Problem]:
    for key, lacks in (
        ("consent", "asks for no consent"),
        ("migration", "asks for no consent"),
        ("hold", "asks for no consent"),
        ("footer", "gets no footer"),
    ):
        if key in document.data:
            yield document.problem(
                (key,),
                f"a {kind} stream {lacks}, so this has no effect",
                f'take [{key}] out, or write kind = "commercial" if people must have agreed',
            )


def _matches(document: Document) -> Iterator[Problem]:
    matches = _tables(document.data, "match")
    if "match" not in document.data:
        yield _missing(
            document, "match", "no mail would ever belong to this stream", "write [[match]] with client or mail_from"
        )
    for number, match in enumerate(matches):
        if "client" not in match and "mail_from" not in match:
            yield document.problem(
                ("match", number),
                "names neither client nor mail_from, so any client could claim the stream",
                'add client = ["..."] or mail_from = ["*@news.brand.example"]',
            )


def _language(document: Document, stream: Mapping[str, Any]) -> Iterator[Problem]:
    language = _table(document.data, "message").get("language")
    purpose = stream.get("purpose")
    if isinstance(purpose, dict) and isinstance(language, str) and language not in purpose:
        known = one_of([f'"{tag}"' for tag in purpose])
        yield document.problem(
            ("message", "language"),
            f"stream.purpose has no text in {shown(language)}",
            f"add one there, or write {known}",
        )


def _expect(document: Document, here: tuple[str, int], expect: Mapping[str, Any]) -> Iterator[Problem]:
    given = _table(expect, "given")
    at = (*here, "given")
    if "basis" in given and "granted" not in given and "confirmed" not in given:
        yield document.problem((*at, "basis"), "has no time of the yes beside it", 'add granted = "400d ago"')
    if "granted" in given and "basis" not in given:
        yield document.problem((*at, "granted"), "has no basis beside it", 'add basis = "double-opt-in"')
    if "basis" not in given:
        for key in _YES_KEYS:
            if key in given:
                yield document.problem(
                    (*at, key),
                    "speaks of a yes that is not given",
                    'add basis = "double-opt-in" and granted = "1d ago"',
                )
    if "withdrawn_scope" in given and "withdrawn" not in given:
        yield document.problem((*at, "withdrawn_scope"), "has no withdrawal beside it", 'add withdrawn = "1d ago"')
    reason, reasons = expect.get("reason"), expect.get("reasons")
    if isinstance(reasons, list) and reasons and reason is not None and reasons[0] != reason:
        yield document.problem((*here, "reason"), "is not the first of reasons, which decides", "leave reason out")
    if reason in list(Reason):
        yield from _verdict_of(document, here, Reason(reason), expect.get("verdict"))


def _verdict_of(document: Document, here: tuple[str, int], reason: Reason, verdict: object) -> Iterator[Problem]:
    meaning = MEANINGS[reason]
    possible = sorted(meaning.allowed or {meaning.default})
    if verdict in list(Verdict) and verdict not in possible:
        yield document.problem(
            (*here, "verdict"),
            f"{reason} never leads to {shown(verdict)}",
            "write " + one_of([f'"{one}"' for one in possible]),
        )


def _missing(document: Document, key: str, why: str, instead: str) -> Problem:
    """Told at the [stream] table: a key that is not there has no line of its own."""
    return Problem(str(document.path), document.line_of(("stream",)), key, f"is missing: {why}", instead)


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _tables(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []
