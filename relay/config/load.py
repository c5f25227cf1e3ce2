"""relay.toml and the environment -> Settings, or every problem of both at once. Reads files, changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from relay.config import settings as values
from relay.config.clashes import Tables, clashes
from relay.config.endpoints import NextHopTable
from relay.config.environment import overlay
from relay.config.fields import dkim_domain
from relay.config.lines import Location
from relay.config.mistakes import Found, Table
from relay.config.model import DkimTable, RelayFile
from relay.config.toml import Document, ProblemsError, findings, read_document

_EMBEDDED: Final = Path("(embedded defaults)")


@dataclass(frozen=True, slots=True)
class Loaded:
    """document: for problems that are found later, e.g. in the files that the settings name."""

    settings: values.Settings
    document: Document


def load_settings(path: Path | None, environ: Mapping[str, str]) -> values.Settings:
    """The settings. path None: the embedded defaults, with the current folder for relative paths.

    Raises ProblemsError. The files that settings name (certificates, DKIM keys) are looked at by `named_files`.
    """
    return load(path, environ).settings


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    document, problems = overlay(read_document(path) if path else Document(_EMBEDDED, {}), environ)
    written, found = findings(RelayFile, document)
    known = written or _without_broken(document, found)
    if known:
        broken = {place.location[0] for place in found if place.location}
        found += clashes(
            _tables(known, document, found),
            listeners_are_known="listener" not in broken,
            clients_are_known="client" not in broken,
        )
    folder = path.absolute().parent if path else Path.cwd()
    passwords: dict[int, str] = {}
    if known:
        passwords, unread = _password_files(known, folder, document, found)
        found += unread
    problems += [document.problem(one.location, one.wrong, one.instead) for one in found]
    if problems or not written:
        raise ProblemsError(problems)
    return Loaded(_settings(written, path, folder, passwords), document)


def loaded_again(settings: values.Settings, environ: Mapping[str, str]) -> Loaded:
    """Settings with the document that they came from, to name lines in it."""
    document = read_document(settings.file) if settings.file else Document(_EMBEDDED, {})
    return Loaded(settings, overlay(document, environ)[0])


def shipped_policies() -> Path:
    """The policies inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "shipped_policies"
    return inside if inside.is_dir() else package.parent / "policies"


def _without_broken(document: Document, found: Iterable[Found]) -> RelayFile | None:
    """What of the file is fine: broken top-level keys and list items are left out, as if they were not there."""
    data: dict[str, Any] = copy.deepcopy(document.data)
    places = sorted({_piece(one.location, data) for one in found if one.location}, key=str, reverse=True)
    for place in places:
        if len(place) == 1:
            data.pop(str(place[0]), None)
    for name in {str(place[0]) for place in places if len(place) == 2}:
        gone = {place[1] for place in places if len(place) == 2 and place[0] == name}
        if name in data:
            data[name] = [item for number, item in enumerate(data[name]) if number not in gone]
            if not data[name]:
                del data[name]
    return findings(RelayFile, replace(document, data=data))[0]


def _piece(location: Location, data: Mapping[str, Any]) -> Location:
    """The top-level table or list item that a location lies in."""
    is_item = isinstance(data.get(str(location[0])), list) and len(location) > 1
    return location[:2] if is_item else location[:1]


def _tables(known: RelayFile, document: Document, found: Iterable[Found]) -> Tables:
    """Every valid table by its place in the file; defaults that stand in for a broken table are no tables."""
    broken = {_piece(one.location, document.data) for one in found if one.location}
    tables: dict[Location, Table] = {}
    for name in RelayFile.model_fields:
        value = getattr(known, name)
        if isinstance(value, Table) and (name,) not in broken:
            tables[name,] = value
        elif isinstance(value, tuple) and (name,) not in broken:
            written = document.data.get(name)
            count = len(written) if isinstance(written, list) else len(value)
            whole = [(name, number) for number in range(count) if (name, number) not in broken]
            tables.update(zip(whole, value, strict=False))
    if ("dkim",) not in broken:
        for name in document.data.get("dkim", {}):
            keys = known.dkim[dkim_domain(name)]
            listed = (keys,) if isinstance(keys, Table) else keys
            tables.update({("dkim", name, number): key for number, key in enumerate(listed)})
    return tables


def _password_files(
    known: RelayFile, folder: Path, document: Document, found: Iterable[Found]
) -> tuple[dict[int, str], list[Found]]:
    passwords: dict[int, str] = {}
    unread: list[Found] = []
    for place, hop in _tables(known, document, found).items():
        if not isinstance(hop, NextHopTable) or not hop.password_file:
            continue
        here = (*place, "password_file")
        try:
            passwords[int(place[1])] = (folder / hop.password_file).read_text().split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not text"
            unread.append(
                Found(here, f"{folder / hop.password_file} cannot be read ({reason})", "check path and rights")
            )
            continue
        if not passwords[int(place[1])]:
            unread.append(
                Found(here, f"the first line of {folder / hop.password_file} is empty", "write the password there")
            )
    return passwords, unread


def _settings(written: RelayFile, path: Path | None, folder: Path, passwords: Mapping[int, str]) -> values.Settings:
    def absolute(text: str) -> Path:
        return folder / text

    def optional(text: str | None) -> Path | None:
        return folder / text if text else None

    identity = values.Identity(written.identity.hostname, written.identity.mail_domain or written.identity.hostname)
    own_policies = folder / (written.policies or "policies")
    database = absolute(_database(written.store.url))
    return values.Settings(
        folder=folder,
        file=path.absolute() if path else None,
        mode=written.mode,
        policies=own_policies if written.policies or own_policies.is_dir() else shipped_policies(),
        identity=identity,
        listeners=tuple(
            values.Listener(
                one.address, one.role, one.tls, optional(one.certificate), optional(one.key), one.login, one.proxy_from
            )
            for one in written.listener
        ),
        clients=tuple(
            values.ClientSettings(
                one.name, one.password, one.networks, one.senders, one.retries, one.refusal, one.owner
            )
            for one in written.client
        ),
        next_hops=tuple(
            values.NextHop(
                address=one.address,
                tls=one.tls,
                tls_name=one.tls_name or "",
                ca=optional(one.ca),
                username=one.username,
                password=passwords.get(number, one.password),
                domains=one.domains,
                timeouts=values.Timeouts(one.connect_timeout, one.reply_timeout, one.dot_timeout, one.idle_timeout),
                connections=one.connections,
            )
            for number, one in enumerate(written.next_hop)
        ),
        store=values.StoreSettings(written.store.url, database, database.with_name("withdrawals.journal")),
        web=values.WebSettings(written.web.address, written.web.public_url or f"http://{written.web.address}"),
        keys=values.Keys(
            tokens=absolute(written.keys.tokens),
            addresses=absolute(written.keys.addresses),
            people=absolute(written.keys.people),
            ledger=absolute(written.keys.ledger),
        ),
        ledger=values.LedgerSettings(absolute(written.ledger.heads), written.ledger.sign_every),
        dkim={
            domain: tuple(
                values.DkimKey(
                    key.domain or (identity.mail_domain if domain == "default" else domain),
                    key.selector,
                    absolute(key.key),
                )
                for key in ((keys,) if isinstance(keys, DkimTable) else keys)
            )
            for domain, keys in written.dkim.items()
        },
        limits=values.Limits(**dict(written.limits)),
        queue=values.QueueSettings(**dict(written.queue)),
        hold=values.HoldSettings(**dict(written.hold)),
        asking=values.AskingSettings(**dict(written.asking)),
        reports=values.ReportSettings(**dict(written.reports)),
        retention=values.Retention(**dict(written.retention)),
        log=values.LogSettings(
            written.log.path if written.log.path == "-" else str(absolute(written.log.path)), written.log.addresses
        ),
        workers=values.Workers(**dict(written.workers)),
        addresses=values.AddressSettings(frozenset(written.addresses.loose_domains)),
    )


def _database(url: str) -> str:
    """sqlite:///var/relay.db is relative, sqlite:////var/relay.db absolute."""
    return url.removeprefix("sqlite:///")
