from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from web.serving import KEYS, READER, shop_policies, token_for

from relay.policy.model import Policies
from relay.tokens import KEY_LENGTH, Purpose, TokenKeys
from relay.web.links import Links, Opened, language_for
from relay.web.pages import Pages

PAGES = Pages()


def asked(token: str, *, method: str = "GET", body: bytes = b"", language: str = "") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"accept-language", language.encode())] if language else []
    return Request({"type": "http", "method": method, "headers": headers, "path_params": {"token": token}}, receive)


def opened(request: Request, policies: Policies, purpose: Purpose = Purpose.CONFIRM) -> Opened:
    return asyncio.run(links(policies).open(request, purpose))


def links(policies: Policies, keys: TokenKeys = KEYS) -> Links:
    return Links(lambda: policies, keys, PAGES)


def test_a_link_is_opened_for_its_purpose_alone(tmp_path: Path) -> None:
    policies = shop_policies(tmp_path)
    token = token_for(purpose=Purpose.CONFIRM)
    link = opened(asked(token), policies)
    assert link.claims is not None
    assert link.claims.address == READER
    assert link.stream is policies.by_id["newsletter"]
    assert opened(asked(token), policies, Purpose.UNSUBSCRIBE).claims is None


def test_only_a_post_has_a_body_even_an_empty_one(tmp_path: Path) -> None:
    policies, token = shop_policies(tmp_path), token_for(purpose=Purpose.CONFIRM)
    assert opened(asked(token, body=b"agree=yes"), policies).body is None
    assert opened(asked(token, method="HEAD", body=b"agree=yes"), policies).body is None
    assert opened(asked(token, method="POST", body=b"agree=yes"), policies).body == b"agree=yes"
    assert opened(asked(token, method="POST"), policies).body == b""


def test_a_reader_who_wants_no_language_of_ours_gets_that_of_the_stream(tmp_path: Path) -> None:
    policies, token = shop_policies(tmp_path), token_for(purpose=Purpose.CONFIRM)
    gone = token_for(stream="gone", purpose=Purpose.CONFIRM)
    assert opened(asked(token), policies).language == "ja"
    assert opened(asked(token, language="en"), policies).language == "en"
    assert opened(asked(gone), policies).language == "en"
    assert opened(asked(gone), policies).stream is None
    assert language_for(asked("", language="ja")) == "ja"


@pytest.mark.parametrize("token", ["", "short", "000001" + "A" * 127, "../etc/passwd"])
def test_what_cannot_be_a_token_is_not_found(tmp_path: Path, token: str) -> None:
    with pytest.raises(HTTPException) as error:
        opened(asked(token, method="POST"), shop_policies(tmp_path))
    assert error.value.status_code == 404


def test_the_operator_learns_whether_the_key_of_a_link_was_lost(policies: Policies) -> None:
    another = links(policies, TokenKeys({"000002": b"k" * KEY_LENGTH}, "000002"))
    token = token_for(purpose=Purpose.CONFIRM)
    assert opened(asked(token), policies, Purpose.UNSUBSCRIBE).key == "known"
    assert asyncio.run(another.open(asked(token), Purpose.CONFIRM)).key == "unknown"


def test_the_link_that_stops_is_about_the_same_person_and_stream(policies: Policies) -> None:
    claims = opened(asked(token_for(purpose=Purpose.CONFIRM)), policies).claims
    assert claims is not None
    place, _, token = links(policies).to_stop(claims).rpartition("/")
    assert place == "/u"
    assert opened(asked(token), policies, Purpose.UNSUBSCRIBE).claims == claims


def test_only_an_outage_says_when_to_come_again(policies: Policies) -> None:
    page = links(policies).answer("missing", "en", status=404)
    assert (page.status_code, page.headers["content-language"]) == (404, "en")
    assert page.body == PAGES.render("missing", "en").encode()
    assert "retry-after" not in page.headers
    assert links(policies).answer("unavailable", "ja", status=503).headers["retry-after"] == "120"
