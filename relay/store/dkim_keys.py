"""The DKIM keys that the settings name, read from their files."""

from __future__ import annotations

from collections.abc import Mapping

from relay.config.settings import DkimKey
from relay.message.dkim import Signer, load_key


def load_signers(keys: Mapping[str, tuple[DkimKey, ...]]) -> dict[str, tuple[Signer, ...]]:
    """Signers by From domain, "default" among them. Raises DkimKeyError and OSError."""
    return {
        domain: tuple(Signer(one.domain, one.selector, load_key(one.key.read_bytes())) for one in several)
        for domain, several in keys.items()
    }
