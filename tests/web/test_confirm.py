"""The page where a person says yes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from web.confirming import ENGLISH, FORM, OLD_YES, PATH, STALE, path, tick
from web.serving import NOW, POLICY, READER, SENT, Site, TroubledStore, token_for

from relay.address import Address
from relay.consent.events import Act, Basis, EventKind
from relay.consent.evidence import wording_hash
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.port import StoreUnavailableError


def test_a_tick_is_a_yes_of_the_persons_own_with_all_that_can_be_shown_for_it(site: Site, store: TroubledStore) -> None:
    store.facts_known = STALE
    agent = "Mozilla/5.0 (X11)"
    answer = site.ask(
        "POST", PATH, "agree=yes", {**FORM, "user-agent": agent, "x-forwarded-for": "10.9.9.9, 192.0.2.7"}
    )
    assert answer.status == 200
    assert "Thank you" in answer.body
    (event,) = store.appended
    assert (event.kind, event.address, event.brand, event.stream) == (EventKind.RENEW, READER, "brand", "newsletter")
    assert (event.at, event.recorded_at, event.source, event.recorder) == (NOW, NOW, "confirm-page", "web")
    assert (event.basis, event.act, event.live, event.own_act) == (Basis.DOUBLE_OPT_IN, Act.TICKED, True, True)
    evidence = event.evidence
    assert (evidence.language, evidence.ip, evidence.user_agent) == ("en", "192.0.2.7", agent)
    assert evidence.form_url.endswith("/c/")


def test_the_words_that_were_shown_are_kept_with_the_yes(site: Site, store: TroubledStore) -> None:
    shown = site.ask("GET", PATH, headers=ENGLISH).body
    tick(site)
    (event,) = store.appended
    words = store.texts[event.evidence.wording]
    assert wording_hash(words) == event.evidence.wording
    lines = words.splitlines()
    assert "Receive “Product <news> & offers”?" in lines
    assert "Yes, I want to receive “Product <news> & offers” from Brand & Sons K.K. by email." in lines
    assert "Send it to me" in lines
    for line in lines[1:3]:
        assert line.split("“")[0] in shown
    assert "2026" not in words


def test_everybody_who_was_shown_the_same_has_the_same_wording(site: Site, store: TroubledStore) -> None:
    store.facts_known = STALE
    tick(site)
    store.facts_known = NOTHING_KNOWN
    tick(site, path(address=Address("taro", "example.jp"), sent=NOW))
    site.ask("POST", path(address=Address("jiro", "example.jp")), "agree=yes", {**FORM, "accept-language": "ja"})
    hashes = [event.evidence.wording for event in store.appended]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (STALE, EventKind.RENEW),
        (Facts(requested_at=SENT, request_live=True), EventKind.CONFIRM),
        (NOTHING_KNOWN, EventKind.CONFIRM),
    ],
    ids=["somebody who had said yes", "somebody who asked for mail", "somebody of whom nothing is known"],
)
def test_who_had_said_yes_renews_and_who_asked_for_mail_confirms(
    site: Site, store: TroubledStore, known: Facts, kind: EventKind
) -> None:
    store.facts_known = known
    assert tick(site).status == 200
    assert [event.kind for event in store.appended] == [kind]


@pytest.mark.parametrize(
    ("accept", "known", "basis", "kind"),
    [
        ('["single-opt-in"]', NOTHING_KNOWN, Basis.SINGLE_OPT_IN, EventKind.RENEW),
        (
            '["written"]',
            Facts(yes=Yes(Basis.WRITTEN, Act.SIGNED, OLD_YES.at, "", live=False)),
            Basis.WRITTEN,
            EventKind.RENEW,
        ),
        ('["written"]', STALE, Basis.DOUBLE_OPT_IN, EventKind.RENEW),
        ('["double-opt-in", "written"]', STALE, Basis.DOUBLE_OPT_IN, EventKind.RENEW),
    ],
)
def test_a_new_yes_never_hides_the_basis_that_the_policy_accepts(  # noqa: PLR0917 - one each
    site: Site, store: TroubledStore, tmp_path: Path, accept: str, known: Facts, basis: Basis, kind: EventKind
) -> None:
    (tmp_path / "newsletter.toml").write_text(POLICY.replace('["double-opt-in"]', accept), "utf-8")
    site.show(store, load_policies(tmp_path))
    store.facts_known = known
    assert tick(site).status == 200
    assert [(event.basis, event.kind) for event in store.appended] == [(basis, kind)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("body", [None, "agree=yes"])
def test_no_other_method_changes_anything(site: Site, store: TroubledStore, method: str, body: str | None) -> None:
    answer = site.ask(method, PATH, body, FORM)
    assert answer.status == (200 if method in ("GET", "HEAD") else 405)
    assert store.appended == []


@pytest.mark.parametrize(
    "body",
    [
        "", "agree=", "agree=no", "agree=yes&agree=no", "List-Unsubscribe=One-Click", "confirm=yes", '{"agree": "yes"}',
        b"\xff\x00", "&".join(["a=b"] * 100) + "&agree=yes", '--b\r\nContent-Disposition: form-data; name="agree"\r\n\r\nyes',
    ],
)  # fmt: skip
def test_without_the_tick_nothing_is_recorded_and_the_page_says_so(
    site: Site, store: TroubledStore, body: str | bytes
) -> None:
    answer = site.ask("POST", PATH, body, FORM)
    assert answer.status == 422
    assert "The box is not ticked" in answer.body
    assert answer.body.count('type="checkbox"') == 1
    assert store.appended == []


def test_no_box_is_ever_ticked_before(site: Site, store: TroubledStore) -> None:
    pages = [site.ask("GET", PATH), site.ask("POST", PATH, "", FORM)]
    store.trouble = StoreUnavailableError("full", full=True)
    pages.append(tick(site))
    assert [page.status for page in pages] == [200, 422, 503]
    for page in pages:
        assert 'type="checkbox"' in page.body
        assert "checked" not in page.body


def test_the_page_shows_purpose_date_and_source_but_not_the_address(site: Site, store: TroubledStore) -> None:
    store.facts_known = STALE
    page = site.ask("GET", PATH, headers=ENGLISH).body
    for expected in ("Brand &amp; Sons K.K.", "Product &lt;news&gt; &amp; offers", "6 May 2024", "fair in Osaka"):
        assert expected in page
    assert "hanako" not in page
    assert "example.jp" not in page


def test_the_day_of_the_yes_is_told_in_the_time_zone_of_the_stream(
    site: Site, store: TroubledStore, tmp_path: Path
) -> None:
    (tmp_path / "newsletter.toml").write_text(POLICY + 'timezone = "Asia/Tokyo"\n', "utf-8")
    site.show(store, load_policies(tmp_path))
    store.facts_known = STALE
    assert "7 May 2024" in site.ask("GET", PATH, headers=ENGLISH).body
    assert "2024年5月7日" in site.ask("GET", PATH, headers={"accept-language": "ja"}).body


def test_a_source_cannot_become_markup(site: Site, store: TroubledStore) -> None:
    evil = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, OLD_YES.at, "</dd><script>alert(1)</script>", live=False)
    store.facts_known = Facts(yes=evil)
    assert "<script" not in site.ask("GET", PATH).body


def test_the_link_to_stop_on_the_page_leads_to_the_page_that_stops(site: Site, store: TroubledStore) -> None:
    page = site.ask("GET", PATH, headers=ENGLISH).body
    stop = f"/u/{token_for()}"
    assert f'href="{stop}"' in page
    assert "Stop “" in site.ask("GET", stop, headers=ENGLISH).body


def test_the_place_itself_says_what_it_is(site: Site) -> None:
    assert "Saying yes" in site.ask("GET", "/c/", headers=ENGLISH).body
    assert site.ask("POST", "/c/", "agree=yes", FORM).status == 405


@pytest.mark.parametrize(("language", "words"), [("en", "could not record"), ("ja", "記録できませんでした")])
def test_a_store_that_is_away_or_full_is_a_503_and_the_form_is_there_again(
    site: Site, store: TroubledStore, language: str, words: str
) -> None:
    store.trouble = StoreUnavailableError("the disk is full", full=True)
    with capture_logs() as lines:
        answer = tick(site, **{"accept-language": language})
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert words in answer.body
    assert 'type="checkbox"' in answer.body
    assert [(line["event"], line["why"]) for line in lines] == [("confirmation-failed", "the disk is full")]


def test_a_store_that_is_slow_is_a_503(site: Site, store: TroubledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.web.confirm._PATIENCE", 0.05)
    store.delay = 5
    assert tick(site).status == 503


def test_the_page_shows_while_the_store_is_away(
    site: Site, store: TroubledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.trouble = StoreUnavailableError("database is locked")
    assert site.ask("GET", PATH).status == 200
    monkeypatch.setattr("relay.web.confirm._LOOK_PATIENCE", 0.05)
    store.trouble, store.delay = None, 5
    assert site.ask("GET", PATH).status == 200


def test_no_yes_is_dated_by_a_clock_that_is_wrong(site: Site, store: TroubledStore, policies: Policies) -> None:
    site.show(store, policies, clock_trouble="the clock has jumped")
    assert site.ask("GET", path(sent=NOW - timedelta(days=900))).status == 200  # nobody knows how old it is
    assert tick(site).status == 503
    assert store.appended == []


def test_a_yes_is_logged_with_the_decision_behind_the_mail_and_without_the_token(site: Site) -> None:
    with capture_logs() as lines:
        tick(site)
    (line,) = lines
    assert (line["event"], line["stream"], line["recipient"]) == ("confirmation", "newsletter", str(READER))
    assert len(line["decision"]) == 26
    assert PATH.removeprefix("/c/")[6:] not in str(lines)


def test_a_body_without_an_end_is_refused(site: Site, store: TroubledStore) -> None:
    assert site.ask("POST", PATH, "a=" + "b" * 20_000, FORM).status == 413
    assert store.appended == []
