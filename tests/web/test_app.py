from __future__ import annotations

import pytest
from web.serving import Site, token_for


@pytest.mark.parametrize("path", ["/", "/u", "/u/", "/favicon.ico", "/v1/", "/docs", "/openapi.json"])
@pytest.mark.parametrize(("language", "words"), [("en", "There is no such page"), ("ja", "ページが見つかりません")])
def test_other_addresses_are_not_found_in_the_readers_language(
    site: Site, path: str, language: str, words: str
) -> None:
    answer = site.ask("GET", path, headers={"accept-language": language})
    assert answer.status == 404
    assert words in answer.body
    assert answer.headers["content-language"] == language


def test_a_slash_behind_an_address_is_not_redirected(site: Site) -> None:
    answer = site.ask("POST", f"/u/{token_for()}/", "List-Unsubscribe=One-Click")
    assert answer.status == 404
    assert "location" not in answer.headers


def test_a_method_that_is_not_allowed_is_told_which_are(site: Site) -> None:
    answer = site.ask("DELETE", f"/u/{token_for()}")
    assert answer.status == 405
    assert {method.strip() for method in answer.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
