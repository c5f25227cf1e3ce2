from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from web.serving import NOW, READER, Site, TroubledStore, token_for

from relay.address import Address
from relay.consent.events import EventKind
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.consent.pseudonyms import Pseudonyms
from relay.policy.model import Policies
from relay.store.journal import Journal
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore, open_store

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
PATH = f"/u/{token_for()}"
#: Opens with no key of ours, and could be one.
FORGED = f"/u/000001{'A' * 128}"


def one_click(site: Site, path: str = PATH) -> int:
    return site.ask("POST", path, "List-Unsubscribe=One-Click", {"content-type": URLENCODED}).status


def test_a_one_click_post_withdraws_from_the_stream_of_the_link(site: Site, store: TroubledStore) -> None:
    assert one_click(site) == 200
    (event,) = store.appended
    assert (event.kind, event.address, event.brand, event.stream) == (
        EventKind.WITHDRAW,
        READER,
        "brand",
        "newsletter",
    )
    assert (event.at, event.recorded_at, event.source, event.recorder) == (NOW, NOW, "one-click", "web")
    assert event.live
    assert event.own_act


@pytest.mark.parametrize(
    ("body", "content_type", "source"),
    [
        ("List-Unsubscribe=One-Click", URLENCODED, "one-click"),
        (MULTIPART, "multipart/form-data; boundary=b", "one-click"),
        ("confirm=yes", URLENCODED, "unsubscribe-page"),
        ("", URLENCODED, "unsubscribe-page"),
        (None, "text/plain", "unsubscribe-page"),
        ('{"anything": true}', "application/json", "unsubscribe-page"),
        (b"\x00\xff\r\n--", "multipart/form-data", "unsubscribe-page"),
        ("List-Unsubscribe=One-Click", "no content type at all", "one-click"),
    ],
)
def test_a_post_with_any_body_withdraws(
    site: Site, store: TroubledStore, body: str | bytes | None, content_type: str, source: str
) -> None:
    assert site.ask("POST", PATH, body, {"content-type": content_type}).status == 200
    assert [event.source for event in store.appended] == [source]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("body", [None, "List-Unsubscribe=One-Click"])
def test_no_other_method_changes_anything(site: Site, store: TroubledStore, method: str, body: str | None) -> None:
    answer = site.ask(method, PATH, body)
    assert answer.status == (200 if method in ("GET", "HEAD") else 405)
    assert store.appended == []
    assert store.asked == 0


def test_a_query_in_the_address_is_ignored(site: Site, store: TroubledStore) -> None:
    assert site.ask("GET", f"{PATH}?List-Unsubscribe=One-Click").status == 200
    assert store.appended == []
    assert one_click(site, f"{PATH}?utm_source=mail") == 200
    assert len(store.appended) == 1


def test_neither_cookies_nor_redirects_are_used(site: Site) -> None:
    for method, path in (("GET", PATH), ("POST", PATH), ("POST", FORGED), ("GET", f"{PATH}/"), ("POST", f"{PATH}/")):
        answer = site.ask(method, path, headers={"cookie": "session=1"})
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers
        assert answer.status in (200, 404)


def test_the_page_says_who_which_mail_and_when_but_not_the_address(site: Site) -> None:
    page = site.ask("GET", PATH, headers={"accept-language": "en"}).body
    for expected in ("Brand &amp; Sons K.K.", "Product &lt;news&gt; &amp; offers", "19 November 2026"):
        assert expected in page
    assert page.count("<button") == page.count("<form") == 1
    assert "hanako" not in page
    assert "example.jp" not in page


def test_after_the_press_the_page_says_what_happened_from_when_and_what_to_do_about_a_mistake(site: Site) -> None:
    page = site.ask("POST", PATH, "confirm=yes", {"accept-language": "en", "content-type": URLENCODED}).body
    for expected in ("has stopped", "22 November 2026, 13:05 UTC", "mistake", 'href="https://brand.example/contact"'):
        assert expected in page
    assert "<button" not in page
    assert "hanako" not in page


@pytest.mark.parametrize(
    ("header", "language"),
    [("en-GB,en;q=0.9,ja;q=0.8", "en"), ("en;q=0.2,ja;q=0.9", "ja"), ("fr", "ja"), ("", "ja")],
)
def test_the_page_is_in_the_readers_language_else_in_the_mails(site: Site, header: str, language: str) -> None:
    answer = site.ask("GET", PATH, headers={"accept-language": header})
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.body
    assert ("新商品のお知らせ" in answer.body) == (language == "ja")


def test_a_stream_that_no_policy_has_any_more_is_stopped_all_the_same(site: Site, store: TroubledStore) -> None:
    path = f"/u/{token_for(stream='old-news')}"
    assert "old-news" in site.ask("GET", path, headers={"accept-language": "en"}).body
    assert one_click(site, path) == 200
    (event,) = store.appended
    assert (event.brand, event.stream) == ("", "old-news")


def test_a_forged_link_gets_the_same_response_and_changes_nothing(site: Site, store: TroubledStore) -> None:
    for method in ("GET", "POST"):
        genuine, forged = site.ask(method, PATH), site.ask(method, FORGED)
        assert genuine.status == forged.status == 200
        assert list(genuine.headers) == list(forged.headers)
        assert forged.headers["content-security-policy"] == genuine.headers["content-security-policy"]
    assert len(store.appended) == 1


def test_a_forged_link_is_told_to_the_reader_and_to_the_operator_without_the_token(site: Site) -> None:
    with capture_logs() as lines:
        page = site.ask("POST", FORGED, headers={"accept-language": "en"}).body
    assert "does not open" in page
    assert "Nothing has been stopped" in page
    assert [(line["event"], line["key"]) for line in lines] == [("unsubscribe-link-unopened", "known")]
    assert "AAAA" not in str(lines)


@pytest.mark.parametrize("token", ["", "x", "000001", "000001" + "A" * 127, "A" * 4000, "000001" + "%00" * 128, "a/b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_can_be_no_token_is_not_found(site: Site, store: TroubledStore, method: str, token: str) -> None:
    assert site.ask(method, f"/u/{token}").status == 404
    assert store.appended == []


def test_known_and_unknown_recipients_get_the_same_page_after_the_same_work(site: Site, store: TroubledStore) -> None:
    known = site.ask("POST", PATH)
    store.facts_known = Facts(withdrawn_at=datetime(2020, 1, 1, tzinfo=UTC), withdrawn_from="newsletter")
    unknown = site.ask("POST", f"/u/{token_for(Address('nobody', 'example.org'))}")
    assert known.body == unknown.body
    assert store.asked == 0
    assert len(store.appended) == 2


@pytest.mark.parametrize(("language", "words"), [("en", "Not possible just now"), ("ja", "ただいま手続きができません")])
def test_a_store_that_is_away_is_a_503_and_never_a_200(
    site: Site, store: TroubledStore, language: str, words: str
) -> None:
    store.trouble = StoreUnavailableError("database is locked")
    with capture_logs() as lines:
        answer = site.ask("POST", PATH, "List-Unsubscribe=One-Click", {"accept-language": language})
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert words in answer.body
    assert [(line["event"], line["why"]) for line in lines] == [("withdrawal-failed", "database is locked")]


def test_a_store_that_is_slow_is_a_503(site: Site, store: TroubledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.web.unsubscribe._PATIENCE", 0.05)
    store.delay = 5
    assert one_click(site) == 503


def test_the_page_shows_while_the_store_is_away(site: Site, store: TroubledStore) -> None:
    store.trouble = StoreUnavailableError("database is locked")
    assert site.ask("GET", PATH).status == 200


def test_a_withdrawal_is_logged_with_the_decision_behind_the_mail_and_without_the_token(site: Site) -> None:
    with capture_logs() as lines:
        one_click(site)
    (line,) = lines
    assert (line["event"], line["stream"], line["recipient"]) == ("withdrawal", "newsletter", str(READER))
    assert len(line["decision"]) == 26
    assert PATH.removeprefix("/u/")[6:] not in str(lines)


def test_a_link_pressed_over_and_over_does_not_grow_the_ledger_without_end(site: Site, store: TroubledStore) -> None:
    for _ in range(10):
        one_click(site)
    store.facts_known = Facts(withdrawn_at=datetime(2026, 11, 22, 13, 0, tzinfo=UTC), withdrawn_from="newsletter")
    page = site.ask("POST", PATH, headers={"accept-language": "en"})
    assert len(store.appended) == 10
    assert page.status == 200
    assert "22 November 2026, 13:00 UTC" in page.body


def test_a_link_pressed_over_and_over_withdraws_again_after_a_new_yes(site: Site, store: TroubledStore) -> None:
    for _ in range(12):  # the store says that no withdrawal counts now
        assert one_click(site) == 200
    assert len(store.appended) == 12


@pytest.fixture
def real_store(site: Site, policies: Policies, tmp_path: Path) -> Iterator[SqliteStore]:
    store = site.run(open_store(tmp_path / "relay.db", tmp_path / "withdrawals.journal", Pseudonyms(bytes(32))))
    site.show(store, policies)
    yield store
    site.run(store.close())


def test_a_200_means_that_store_and_journal_have_the_withdrawal(
    site: Site, real_store: SqliteStore, tmp_path: Path
) -> None:
    assert one_click(site) == 200
    assert [event.address for event in Journal(tmp_path / "withdrawals.journal").events()] == [READER]
    with closing(sqlite3.connect(tmp_path / "relay.db")) as another_reader:
        assert another_reader.execute("SELECT kind FROM ledger").fetchall() == [("withdraw",)]


def test_the_withdrawal_counts_for_the_stream_of_the_link_alone_and_for_every_spelling(
    site: Site, real_store: SqliteStore
) -> None:
    other = Address("Hanako+news", "example.jp")
    assert one_click(site) == 200
    facts = site.run(real_store.facts("brand", "newsletter", [READER, other]))
    assert [facts[one].withdrawn_at for one in (READER, other)] == [NOW, NOW]
    assert site.run(real_store.facts("brand", "offers", [READER]))[READER] == NOTHING_KNOWN


def test_a_withdrawal_from_a_stream_without_policy_counts_when_the_policy_is_back(
    site: Site, real_store: SqliteStore
) -> None:
    assert one_click(site, f"/u/{token_for(stream='old-news')}") == 200
    facts = site.run(real_store.facts("brand", "old-news", [READER]))
    assert facts[READER].withdrawn_from == "old-news"


def test_a_store_that_another_process_holds_is_a_503_and_the_withdrawal_works_afterwards(
    site: Site, real_store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.web.unsubscribe._PATIENCE", 0.3)
    holder = sqlite3.connect(tmp_path / "relay.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert one_click(site) == 503
    holder.execute("ROLLBACK")
    holder.close()
    assert one_click(site) == 200
    assert site.run(real_store.facts("brand", "newsletter", [READER]))[READER].withdrawn_at == NOW
