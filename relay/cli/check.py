"""`consent-relay check`: every problem of relay.toml, of the files it names, of the policies, and between them.

What passes here is what `serve` starts with. Changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from relay.cli import add_config_option
from relay.cli.check_owners import told_to_nobody
from relay.cli.check_store import brands_without_policy, problems_of_store, streams_without_policy
from relay.cli.waiting_words import copies
from relay.config.files import is_file, named_files, place_of_dkim_key
from relay.config.lines import Location
from relay.config.load import Loaded, load, loaded_again, shipped_policies
from relay.config.mistakes import Found
from relay.config.settings import DkimKey, NextHopTls, Settings
from relay.config.toml import Document, Problem, ProblemsError, read_document
from relay.message.dkim import load_key
from relay.policy.files import load_policies
from relay.policy.lint import lint
from relay.policy.model import Mode, Policies, Stream

_ANY_CLIENT: Final = "*"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print the problems as a JSON list")


def run(arguments: argparse.Namespace) -> int:
    path = Path(arguments.config) if arguments.config else None
    policies: Policies | None = None
    try:
        loaded = load(path, os.environ)
    except ProblemsError as error:
        problems = [*error.problems, *_problems_of_policies(_probable_policies(path))]
    else:
        policies, problems = _examine(loaded)
        problems += [loaded.document.problem(("store",), *one) for one in problems_of_store(loaded.settings)]
    ordered = sorted(set(problems))
    if arguments.json:
        print(json.dumps([asdict(problem) for problem in ordered], ensure_ascii=False, indent=2))
    else:
        print("\n".join(map(str, ordered)) if ordered else _summary(loaded.settings, policies))
    return 1 if ordered else 0


def require_sound(settings: Settings) -> None:
    """Raises ProblemsError with all that `check` would report."""
    _, problems = _examine(loaded_again(settings, os.environ))
    if problems:
        raise ProblemsError(problems)


def _examine(loaded: Loaded) -> tuple[Policies | None, list[Problem]]:
    problems = named_files(loaded)
    named = {(problem.file, problem.line, problem.key) for problem in problems}
    deeper = [loaded.document.problem(one.location, one.wrong, one.instead) for one in _contents(loaded)]
    # what cannot be opened has been reported; that it cannot be read either is no news
    problems += [problem for problem in deeper if (problem.file, problem.line, problem.key) not in named]
    try:
        policies = load_policies(loaded.settings.policies)
    except ProblemsError as error:
        return None, [*problems, *error.problems]
    return policies, [*problems, *_together(loaded, policies)]


def _contents(loaded: Loaded) -> Iterator[Found]:
    """What the files hold that the settings name."""
    for number, listener in enumerate(loaded.settings.listeners):
        if listener.certificate and listener.key and is_file(listener.certificate) and is_file(listener.key):
            yield from _certificate(("listener", number), listener.certificate, listener.key)
    for number, hop in enumerate(loaded.settings.next_hops):
        if hop.ca and hop.tls is not NextHopTls.NONE and is_file(hop.ca):
            yield from _authorities(("next_hop", number, "ca"), hop.ca)
    for domain, keys in loaded.settings.dkim.items():
        for number, key in enumerate(keys):
            if is_file(key.key):
                yield from _dkim_key(place_of_dkim_key(loaded, domain, number), key.key)


def _certificate(here: Location, certificate: Path, key: Path) -> Iterator[Found]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # without a password of our own, OpenSSL would ask the terminal for one
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield Found(
                (*here, "key"), f"{key} is not the key of {certificate}", "name the pair that was issued together"
            )
        else:
            yield Found(
                (*here, "certificate"),
                f"{certificate} and {key} are not a certificate and its key in PEM ({error.reason or 'unreadable'})",
                "name PEM files, the key without a password",
            )
        return
    except OSError as error:
        yield Found((*here, "certificate"), f"cannot be read ({error.strerror})", "change its owner or rights")
        return
    ends = x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc
    if ends <= datetime.now(UTC):
        yield Found((*here, "certificate"), f"{certificate} expired on {ends:%Y-%m-%d}", "renew it")


def _authorities(here: Location, file: Path) -> Iterator[Found]:
    try:
        ssl.create_default_context(cafile=file)
    except (ssl.SSLError, OSError):
        yield Found(here, f"{file} holds no certificates", "name a PEM file with the authorities to trust")


def _dkim_key(here: Location, file: Path) -> Iterator[Found]:
    try:
        load_key(file.read_bytes())
    except (ValueError, OSError) as error:
        yield Found(here, f"{file} is no key to sign with ({error})", "make one with consent-relay keys generate")


def _together(loaded: Loaded, policies: Policies) -> Iterator[Problem]:
    """What only settings and policies together show."""
    yield from _public_url(loaded, policies)
    unfit = list(_streams(loaded.settings, policies))
    if unfit and loaded.settings.policies == shipped_policies():
        # nobody can mend the files in the package
        yield loaded.document.problem(
            ("policies",),
            f"there is no folder {loaded.settings.folder / 'policies'}, and the shipped examples do not fit these settings",
            "make it, then a first policy with consent-relay policy new",
        )
        return
    yield from unfit


def _streams(settings: Settings, policies: Policies) -> Iterator[Problem]:
    names = {client.name for client in settings.clients} | {_ANY_CLIENT}
    for stream in policies.streams:
        document = read_document(Path(stream.file))
        yield from _clients(stream, document, names)
        if _must_be_one_click(stream):
            yield from _signature(stream, document, settings)


def _must_be_one_click(stream: Stream) -> bool:
    return stream.is_commercial and stream.mode is Mode.ENFORCE


def _public_url(loaded: Loaded, policies: Policies) -> Iterator[Problem]:
    """RFC 8058: one-click unsubscribing needs an HTTPS URL."""
    web = loaded.settings.web
    stream = next(filter(_must_be_one_click, policies.streams), None)
    if stream is None or web.is_https or web.is_loopback:
        return
    is_written = "public_url" in loaded.document.data.get("web", {})
    yield loaded.document.problem(
        ("web", "public_url"),
        f'stream "{stream.id}" needs one-click unsubscribing, and '
        + (f'"{web.public_url}" is not https' if is_written else "no https URL is set"),
        'write public_url = "https://..." (a proxy in front may do the TLS)',
    )


def _clients(stream: Stream, document: Document, names: set[str]) -> Iterator[Problem]:
    for number, match in enumerate(stream.matches):
        for client in match.clients:
            if client not in names:
                yield document.problem(
                    ("match", number, "client"),
                    f'there is no client "{client}" in the settings',
                    f"the clients are {', '.join(sorted(names - {_ANY_CLIENT}))}",
                )


def _signature(stream: Stream, document: Document, settings: Settings) -> Iterator[Problem]:
    """RFC 8058: a DKIM signature covers the List-Unsubscribe fields. Envelope senders stand for the From fields."""
    if settings.web.is_loopback or "default" in settings.dkim:
        return
    patterns = [pattern for match in stream.matches for pattern in match.mail_from or ("*",)]
    unsigned = next((pattern for pattern in patterns if not _is_signed(pattern, settings)), None)
    if unsigned is not None or not patterns:
        yield document.problem(
            ("stream", "kind"),
            f"one-click unsubscribing needs a DKIM signature, and no key signs mail from {unsigned or 'this stream'}",
            "make a key with consent-relay keys generate and name it under [dkim.default] in the settings",
        )


def _is_signed(pattern: str, settings: Settings) -> bool:
    domain = pattern.rpartition("@")[2].removeprefix("*.").lower()
    return any(domain == key or domain.endswith(f".{key}") or key.endswith(f".{domain}") for key in settings.dkim)


def _unreported(settings: Settings, policies: Policies) -> Iterator[Problem]:
    """RFC 9477 section 3.1: nobody sends reports to an address whose domain no signature of the mail vouches for."""
    for stream in policies.streams:
        domain = stream.message.cfbl_address.rpartition("@")[2]
        if not domain or not _must_be_one_click(stream):
            continue
        for pattern in [pattern for match in stream.matches for pattern in match.mail_from or ("*",)]:
            signing = {key.domain for key in _keys_for(pattern, settings)}
            if not any(domain == one or domain.endswith(f".{one}") for one in signing):
                yield read_document(Path(stream.file)).problem(
                    ("message", "cfbl_address"),
                    f"mail from {pattern} is signed for {', '.join(sorted(signing)) or 'no domain'}, not for {domain}",
                    "so nobody will send reports there; name an address in that domain, or sign with a second key",
                )
                break


def _keys_for(pattern: str, settings: Settings) -> tuple[DkimKey, ...]:
    """As `choose_signers`: the keys of the domain, of the nearest one above it, or the default."""
    labels = pattern.rpartition("@")[2].removeprefix("*.").lower().split(".")
    named = (settings.dkim.get(".".join(labels[depth:])) for depth in range(len(labels)))
    return next(filter(None, named), settings.dkim.get("default", ()))


def _problems_of_policies(folder: Path | None) -> Sequence[Problem]:
    if folder is None or not folder.is_dir():
        return ()
    try:
        load_policies(folder)
    except ProblemsError as error:
        return error.problems
    return ()


def _probable_policies(path: Path | None) -> Path | None:
    """Where the policies are although the settings are broken, so that both are reported at once."""
    try:
        named = read_document(path).data.get("policies", "policies") if path else "policies"
    except ProblemsError:
        named = "policies"
    folder = path.parent if path else Path()
    return folder / named if isinstance(named, str) else None


def _embedded() -> str:
    overlooked = " (relay.toml is read with -c relay.toml only)" if Path("relay.toml").exists() else ""
    return f"embedded defaults{overlooked}"


def _own_mail(settings: Settings) -> Iterator[str]:
    """Who gets a notification, a report or a question should be able to tell that it is ours."""
    domain = settings.identity.mail_domain
    if settings.web.is_loopback or _keys_for(domain, settings):
        return
    what = "the relay's own mail (notifications, reports, questions)"
    if "." in domain:
        yield f"no key signs {what} from {domain}; make one: consent-relay keys generate {domain}"
    else:
        yield f"{what} comes from {domain}, which nobody outside knows; set [identity] hostname or mail_domain"


def _summary(settings: Settings, policies: Policies | None) -> str:
    streams = [f"{stream.id} ({stream.kind}, {stream.mode})" for stream in policies.streams] if policies else []
    lines = {
        "settings": str(settings.file or _embedded()),
        "mode": settings.mode,
        "listening": ", ".join(f"{one.address} ({one.role}, tls {one.tls})" for one in settings.listeners),
        "clients": ", ".join(client.name for client in settings.clients),
        "next hops": ", ".join(str(hop.address) for hop in settings.next_hops),
        "pages": settings.web.public_url,
        "policies": str(settings.policies),
        "streams": ", ".join(streams) or "none",
        "dkim": ", ".join(f"{domain} ({len(keys)})" for domain, keys in settings.dkim.items()) or "none",
    }
    now = datetime.now(UTC)
    migrations = (
        [f"{one.id}: {one.migration.in_words(now)}" for one in policies.streams if one.migration] if policies else []
    )
    if migrations:
        lines["migration"] = "; ".join(migrations)
    second_look = [str(one) for one in _unreported(settings, policies)] if policies else []
    count = len(lint(policies, now)) if policies else 0
    if count:
        second_look.append(f"{count} of consent-relay policy lint")
    second_look += [
        f'people have said no to the brand "{brand}", which no policy has, so these noes stop nothing; if it was '
        "renamed, give its streams the old name"
        for brand in (brands_without_policy(settings, policies) if policies else ())
    ]
    second_look += [
        f'{copies(count)} of the stream "{stream}" waiting, which no policy has, and not sent meanwhile; if it was '
        "renamed, give it the old id"
        for stream, count in (streams_without_policy(settings, policies) if policies else {}).items()
    ]
    second_look += _own_mail(settings)
    second_look += told_to_nobody(settings, policies) if policies else ()
    if second_look:
        lines["remarks"] = "; ".join(second_look)
    width = max(map(len, lines))
    return "\n".join([*(f"{name:<{width}}  {value}" for name, value in lines.items()), "no problem found"])
