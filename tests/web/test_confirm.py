from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs
from web.serving import NOW, POLICY, READER, SENT, Answer, Site, TroubledStore, token_for

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.evidence import wording_hash
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.consent.pseudonyms import Pseudonyms
from relay.message.asking import LINK_WORKS_FOR
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore, open_store
from relay.tokens import Purpose

FORM = {"content-type": "application/x-www-form-urlencoded", "accept-language": "en"}
ENGLISH = {"accept-language": "en"}
#: Opens with no key of ours, and could be one.
FORGED = f"/c/000001{'A' * 128}"
OLD_YES = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, datetime(2024, 5, 6, 20, 0, tzinfo=UTC), "fair in Osaka", live=False)
STALE = Facts(yes=OLD_YES)


def path(**claims: object) -> str:
    return f"/c/{token_for(purpose=Purpose.CONFIRM, **claims)}"  # type: ignore[arg-type]


PATH = path()


def tick(site: Site, where: str = PATH, **headers: str) -> Answer:
    return site.ask("POST", where, "agree=yes", {**FORM, **headers})


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


@pytest.mark.parametrize(("age", "taken"), [(LINK_WORKS_FOR, True), (LINK_WORKS_FOR + timedelta(seconds=1), False)])
def test_a_link_takes_a_yes_for_sixty_days(site: Site, store: TroubledStore, age: timedelta, taken: bool) -> None:
    where = path(sent=NOW - age)
    assert site.ask("GET", where).status == (200 if taken else 410)
    with capture_logs() as lines:
        answer = tick(site, where)
    assert answer.status == (200 if taken else 410)
    assert len(store.appended) == taken
    if not taken:
        assert "60 days" in answer.body
        assert "Nothing has been changed" in answer.body
        assert [(line["event"], line["why"]) for line in lines] == [("confirmation-refused", "the link is too old")]


@pytest.mark.parametrize(
    "no",
    [
        Facts(withdrawn_at=SENT, withdrawn_from="newsletter"),
        Facts(withdrawn_at=SENT + timedelta(minutes=1)),
        Facts(complained_at=SENT + timedelta(days=1)),
    ],
    ids=["in the same moment", "all mail of the brand", "a complaint"],
)
def test_a_link_that_was_mailed_before_a_no_does_not_undo_it(site: Site, store: TroubledStore, no: Facts) -> None:
    store.facts_known = no
    for answer in (site.ask("GET", PATH, headers=ENGLISH), tick(site)):
        assert answer.status == 409
        assert "has been stopped" in answer.body
        assert "checkbox" not in answer.body
    assert store.appended == []


def test_a_link_that_was_mailed_after_a_no_frees_the_person(site: Site, store: TroubledStore) -> None:
    store.facts_known = Facts(withdrawn_at=SENT - timedelta(seconds=1))
    assert tick(site).status == 200
    assert len(store.appended) == 1


def test_a_link_from_the_future_undoes_no_no_at_all(site: Site, store: TroubledStore) -> None:
    store.facts_known = Facts(withdrawn_at=NOW - timedelta(days=300))
    assert tick(site, path(sent=NOW + timedelta(days=1))).status == 409
    assert store.appended == []


@pytest.mark.parametrize(
    "policy", ["", POLICY.replace('"commercial"', '"transactional"')], ids=["gone", "transactional"]
)
def test_a_stream_that_needs_no_consent_any_more_takes_none(
    site: Site, store: TroubledStore, tmp_path: Path, policy: str
) -> None:
    other = policy.partition("[consent]")[0] or POLICY.replace('"newsletter"', '"other"').replace(
        "newsletter.brand", "x.brand"
    )
    (tmp_path / "a.toml").write_text(other, "utf-8")
    site.show(store, load_policies(tmp_path))
    for answer in (site.ask("GET", PATH, headers=ENGLISH), tick(site)):
        assert answer.status == 410
        assert "no longer" in answer.body
    assert store.appended == []


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.CONFIRM])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_for_something_else_confirms_nothing(
    site: Site, store: TroubledStore, purpose: Purpose, method: str
) -> None:
    answer = site.ask(method, f"/c/{token_for(purpose=purpose)}", "agree=yes", FORM)
    assert "does not open" in answer.body
    assert store.appended == []
    assert store.asked == 0


def test_a_forged_link_gets_the_same_response_whatever_is_wrong_with_it(site: Site) -> None:
    with capture_logs() as lines:
        answers = [
            site.ask(method, where, "agree=yes", FORM)
            for where in (FORGED, f"/c/{token_for()}", PATH[:-1] + ("A" if PATH[-1] != "A" else "B"))
            for method in ("GET", "POST")
        ]
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    genuine = site.ask("GET", PATH, headers=ENGLISH)
    assert [list(answer.headers) for answer in answers] == [list(genuine.headers)] * 6
    assert {line["event"] for line in lines} == {"confirm-link-unopened"}
    assert "AAAA" not in str(lines)


@pytest.mark.parametrize("token", ["x", "000001", "000001" + "A" * 127, "A" * 4000, "000001" + "%00" * 128, "a/b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_can_be_no_token_is_not_found(site: Site, store: TroubledStore, method: str, token: str) -> None:
    assert site.ask(method, f"/c/{token}", "agree=yes", FORM).status == 404
    assert store.appended == []


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


@pytest.mark.parametrize(
    ("forwarded", "kept"),
    [("", "127.0.0.1"), ("192.0.2.1", "192.0.2.1"), ("evil, 2001:db8::1", "2001:db8::1"), ("x" * 3000, "127.0.0.1")],
)
def test_a_proxy_on_this_machine_says_for_whom_it_speaks(
    site: Site, store: TroubledStore, forwarded: str, kept: str
) -> None:
    tick(site, **{"x-forwarded-for": forwarded, "user-agent": "a" * 5000})
    (event,) = store.appended
    assert event.evidence.ip == kept
    assert len(event.evidence.user_agent) == 300


def test_a_body_without_an_end_is_refused(site: Site, store: TroubledStore) -> None:
    assert site.ask("POST", PATH, "a=" + "b" * 20_000, FORM).status == 413
    assert store.appended == []


class _Real:
    """A store of its own, on the loop of the server."""

    def __init__(self, site: Site, folder: Path, policies: Policies) -> None:
        self.site = site
        self.file = folder / "relay.db"
        self.store: SqliteStore = site.run(open_store(self.file, folder / "withdrawals.journal", Pseudonyms(b"k" * 32)))
        site.show(self.store, policies)

    def facts(self) -> Facts:
        return self.site.run(self.store.facts("brand", "newsletter", [READER]))[READER]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def real(site: Site, tmp_path: Path, policies: Policies) -> Iterator[_Real]:
    found = _Real(site, tmp_path, policies)
    yield found
    site.run(found.store.close())


def old_yes() -> Event:
    return Event(
        id="01J00000000000000000000000", kind=EventKind.GRANT, address=READER, brand="brand", stream="newsletter",
        at=OLD_YES.at, recorded_at=OLD_YES.at, source="fair", recorder="cli", basis=Basis.DOUBLE_OPT_IN,
    )  # fmt: skip


def test_a_link_used_over_and_over_is_one_yes(site: Site, real: _Real) -> None:
    real.site.run(real.store.append([old_yes()]))
    answers = [tick(site) for _ in range(15)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert real.rows("SELECT count(*) FROM ledger WHERE kind = 'renew'") == [(1,)]
    assert real.rows("SELECT uses, text IS NOT NULL FROM wordings") == [(1, 1)]


def test_a_link_used_at_the_same_moment_is_one_yes(site: Site, real: _Real) -> None:
    async def at_once() -> list[Answer]:
        return list(await asyncio.gather(*(asyncio.to_thread(tick, site) for _ in range(20))))

    assert {answer.status for answer in asyncio.run(at_once())} == {200}
    assert real.rows("SELECT count(*) FROM ledger") == [(1,)]


def test_a_tick_makes_the_consent_fresh_and_a_later_no_ends_the_links_life(site: Site, real: _Real) -> None:
    real.site.run(real.store.append([old_yes()]))
    tick(site)
    yes = real.facts().yes
    assert yes is not None
    assert (yes.at, yes.act) == (NOW, Act.TICKED)
    assert site.ask("POST", f"/u/{token_for()}", urlencode({"List-Unsubscribe": "One-Click"}), FORM).status == 200
    assert real.facts().withdrawn_at is not None
    assert tick(site).status == 409
    assert real.facts().withdrawn_at is not None
    assert real.rows("SELECT count(*) FROM ledger") == [(3,)]


def test_a_fresh_link_after_a_no_is_the_persons_own_new_yes(site: Site, real: _Real) -> None:
    site.ask("POST", f"/u/{token_for()}", urlencode({"List-Unsubscribe": "One-Click"}), FORM)
    site.show(real.store, load_of(real), now=NOW + timedelta(hours=2))
    assert tick(site, path(sent=NOW + timedelta(hours=1))).status == 200
    assert real.facts().withdrawn_at is None
    assert real.facts().yes is not None


def load_of(real: _Real) -> Policies:
    (real.file.parent / "policies").mkdir()
    (real.file.parent / "policies" / "newsletter.toml").write_text(POLICY, "utf-8")
    return load_policies(real.file.parent / "policies")
