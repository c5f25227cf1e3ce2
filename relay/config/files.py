"""Do the files and folders that the settings name exist, and may we use them? Looks, never opens, changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from relay.config.fields import dkim_domain
from relay.config.lines import Location
from relay.config.load import Loaded
from relay.config.mistakes import Found
from relay.config.problems import Problem


def named_files(loaded: Loaded) -> list[Problem]:
    """Problems of certificates, keys, authorities, folders; in no particular order."""
    found = [*_policies(loaded), *_listeners(loaded), *_next_hops(loaded), *_dkim(loaded), *_writable(loaded)]
    return [loaded.document.problem(one.location, one.wrong, one.instead) for one in found]


def place_of_dkim_key(loaded: Loaded, domain: str, number: int) -> Location:
    """Where the key file of settings.dkim[domain][number] is named."""
    written = loaded.document.data.get("dkim", {})
    name = next((name for name in written if dkim_domain(name) == domain), domain)
    several = isinstance(written.get(name), list)
    return ("dkim", name, number, "key") if several else ("dkim", name, "key")


def _policies(loaded: Loaded) -> Iterator[Found]:
    folder = loaded.settings.policies
    if not stat.S_ISDIR(_mode(folder)):
        yield Found(("policies",), f"there is no folder {folder}", "make it, or mend the path")


def _listeners(loaded: Loaded) -> Iterator[Found]:
    for number, listener in enumerate(loaded.settings.listeners):
        here: Location = ("listener", number)
        if listener.certificate:
            yield from _readable((*here, "certificate"), listener.certificate, "name a PEM file with the certificate")
        if listener.key:
            yield from _secret((*here, "key"), listener.key, "name the PEM file with the certificate's key")


def _next_hops(loaded: Loaded) -> Iterator[Found]:
    for number, hop in enumerate(loaded.settings.next_hops):
        if hop.ca:
            yield from _readable(("next_hop", number, "ca"), hop.ca, "name a PEM file with the authorities to trust")


def _dkim(loaded: Loaded) -> Iterator[Found]:
    for domain, keys in loaded.settings.dkim.items():
        for number, key in enumerate(keys):
            place = place_of_dkim_key(loaded, domain, number)
            yield from _secret(
                place, key.key, f"make it with consent-relay keys generate {key.domain} --selector {key.selector}"
            )


def _writable(loaded: Loaded) -> Iterator[Found]:
    """The folders that are made when missing must be possible to make."""
    settings = loaded.settings
    yield from _can_hold(("store", "url"), settings.store.path)
    yield from _can_hold(("keys", "addresses"), settings.keys.addresses)
    yield from _can_hold(("keys", "tokens"), settings.keys.tokens / "key")
    if settings.log.path != "-":
        yield from _can_hold(("log", "path"), Path(settings.log.path))


def is_file(path: Path) -> bool:
    """False also where we may not look, which pathlib raises for."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    """0 for what is not there or out of reach."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _can_hold(location: Location, file: Path) -> Iterator[Found]:
    mode = _mode(file)
    if stat.S_ISDIR(mode):
        yield Found(location, f"{file} is a folder", "write the path of a file")
        return
    if mode:
        if not os.access(file, os.R_OK | os.W_OK):
            yield Found(location, f"{file} may not be written", "change its owner or rights")
        return
    above = next((folder for folder in file.parents if _mode(folder)), Path("/"))
    if not stat.S_ISDIR(_mode(above)):
        yield Found(location, f"{above} is a file where a folder should be", "mend the path")
    elif not os.access(above, os.W_OK | os.X_OK):
        yield Found(location, f"nothing may be written in {above}", "change the folder's owner or rights")


def _readable(location: Location, file: Path, instead: str) -> Iterator[Found]:
    try:
        is_folder = stat.S_ISDIR(file.stat().st_mode)
    except PermissionError:
        yield Found(location, f"{file} is out of reach", "change the rights of its folders")
        return
    except OSError:
        yield Found(location, f"there is no file {file}", instead)
        return
    if is_folder:
        yield Found(location, f"{file} is a folder", instead)
    elif not os.access(file, os.R_OK):
        yield Found(location, f"{file} may not be read", "change its owner or rights")


def _secret(location: Location, file: Path, instead: str) -> Iterator[Found]:
    missing = list(_readable(location, file, instead))
    yield from missing
    if not missing and _mode(file) & stat.S_IROTH:
        yield Found(location, f"anybody on this machine can read {file}", f"run chmod o-rwx {file}")
