from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from inbound.stage import certificate_files, listener, open_stage, run

from relay.inbound.tls import server_context


def test_old_versions_of_tls_are_not_spoken() -> None:
    async def connect() -> str | None:
        async with open_stage(listeners=[listener(tls="implicit")]) as stage:
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.load_verify_locations(certificate_files()[0])
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
            talk = await stage.talk(ssl=old, server_hostname="relay.example")
            await talk.hello()
            await talk.say("MAIL FROM:<a@brand.example>")
            return stage.notebook.transactions[0].connection.tls

    assert run(connect()).startswith("TLSv1.2 ECDHE-")
    assert server_context(*certificate_files()).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_received_field_can_name_version_and_cipher() -> None:
    async def connect() -> str:
        async with open_stage(listeners=[listener(tls="starttls")]) as stage:
            talk = await stage.ready()
            await talk.say("STARTTLS")
            await talk.encrypt()
            await talk.say_all("EHLO client.example", "MAIL FROM:<a@brand.example>")
            return stage.notebook.transactions[0].connection.tls

    assert run(connect()) == "TLSv1.3 TLS_AES_256_GCM_SHA384"


def test_files_that_are_missing_or_no_key_are_an_os_error(tmp_path: Path) -> None:
    certificate, _ = certificate_files()
    with pytest.raises(OSError, match="No such file"):
        server_context(tmp_path / "none.pem", tmp_path / "none.pem")
    with pytest.raises(OSError, match="PEM"):
        server_context(certificate, certificate)
