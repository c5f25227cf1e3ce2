"""Which links take a yes, and which do no more, or never did."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from web.confirming import ENGLISH, FORM, PATH, path, tick
from web.serving import NOW, POLICY, SENT, Site, TroubledStore, token_for

from relay.consent.facts import Facts
from relay.message.asking import LINK_WORKS_FOR
from relay.policy.files import load_policies
from relay.tokens import Purpose

#: Opens with no key of ours, and could be one.
FORGED = f"/c/000001{'A' * 128}"


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
