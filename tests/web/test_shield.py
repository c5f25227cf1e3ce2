from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from web.serving import Site, TroubledStore, token_for

PATH = f"/u/{token_for()}"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("POST", PATH), ("PUT", PATH), ("GET", "/"), ("GET", "/healthz"), ("GET", "/u/x")],
)
def test_every_response_carries_the_security_headers(site: Site, method: str, path: str) -> None:
    headers = site.ask(method, path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["vary"] == "Accept-Language"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "server" not in headers


@pytest.mark.parametrize(("language", "words"), [("en", "That did not work"), ("ja", "手続きができませんでした")])
def test_a_bug_is_a_plain_500_and_its_log_has_no_token(
    site: Site, store: TroubledStore, language: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    store.trouble = RuntimeError("a bug")
    with capture_logs() as lines:
        answer = site.ask("POST", PATH, headers={"accept-language": language})
    assert answer.status == 500
    assert words in answer.body
    assert "a bug" not in answer.body
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert [line["event"] for line in lines] == ["web-failed"]
    written = capfd.readouterr()
    assert PATH[10:] not in str(lines) + written.out + written.err
