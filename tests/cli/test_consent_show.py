from __future__ import annotations

import contextlib
import re
import sqlite3
from datetime import UTC, datetime, timedelta

from cli.queues import change, held, queued, take
from cli.shop import Shop

from relay.address import Address
from relay.cli.stored import append
from relay.consent.events import Event, EventKind
from relay.store.queries import query

NOW = datetime.now(UTC).replace(microsecond=0)
GRANT = ("--stream", "newsletter", "--basis", "single-opt-in", "--act", "ticked")
WORDS = "Yes, send me news about your products."


def grant(shop: Shop, *more: str, address: str = "ann@example.com", days: int = 30) -> None:
    at = (NOW - timedelta(days=days)).isoformat()
    assert shop.run("consent", "grant", address, *GRANT, "--at", at, *more).code == 0


def test_the_timeline_tells_in_words_what_happened(shop: Shop) -> None:
    options = ("--stream", "newsletter", "--basis", "single-opt-in", "--at", "2026-01-05 10:30", "--timezone", "+09:00")
    shop.run(
        "consent", "grant", "ann@example.com", *options, "--act", "preticked", "--source", "shop", "--ip", "192.0.2.1"
    )
    shop.run("consent", "withdraw", "ann+x@example.com", "--source", "telephone")
    shown = shop.run("consent", "show", "ann@example.com").out
    assert "newsletter (Product news): gets no mail [withdrawn]" in shown
    assert (
        "2026-01-05 01:30 UTC  said yes for newsletter (single opt-in, preticked, counts as assumed: no active act) "
        "- shop [IP 192.0.2.1]" in shown
    )
    assert f"-> beaten by the no of {NOW:%Y-%m-%d}" in shown
    assert "withdrew from all commercial mail of brand - telephone [as ann+x@example.com] -> stands" in shown


def ask(shop: Shop, stream: str, result: str, address: str = "ann@example.com") -> None:
    values = ("brand", "ann@example.com", address, stream, "01M", "stale", 1_750_000_000_000_000, 1, None)
    change(shop, query("insert_ask"), *values)
    change(shop, "UPDATE asks SET result = ? WHERE result = ''", result)


def test_every_question_of_the_relay_is_told_also_one_that_never_arrived(shop: Shop) -> None:
    grant(shop)
    assert "Asked by the relay" not in shop.run("consent", "show", "ann@example.com").out
    ask(shop, "newsletter", "failed")
    ask(shop, "offers", "", "Ann+x@example.com")
    shown = shop.run("consent", "show", "ann@example.com").out
    _, lines = shown.split("Asked by the relay for a new yes:\n")
    first, second = lines.splitlines()[:2]
    assert re.fullmatch(r"  2025-06-15 \S+ UTC \(.+ ago\), newsletter: not delivered", first)
    assert re.fullmatch(r"  2025-06-15 \S+ UTC \(.+ ago\), offers: under way \[as Ann\+x@example.com\]", second)
    told = shop.run("consent", "show", "ann@example.com", "--stream", "newsletter", "--json").json["questions"]
    assert [(one["stream"], one["result"], one["settled_at"]) for one in told] == [("newsletter", "failed", None)]


def test_the_person_is_handed_every_question_too(shop: Shop) -> None:
    ask(shop, "newsletter", "delivered")
    text = shop.run("consent", "export", "--subject", "ann@example.com").out
    assert "Questions to you for a new yes" in text
    assert "newsletter to ann@example.com: 2025-06-15" in text
    (one,) = shop.run("consent", "export", "--subject", "ann@example.com", "--json").json["questions"]
    assert (one["stream"], one["result"]) == ("newsletter", "delivered")


def test_a_yes_is_shown_with_its_words_its_end_and_the_line_of_the_policy(shop: Shop) -> None:
    grant(shop, "--source", "fair in Osaka", "--form-url", "https://brand.example/form", "--wording", WORDS)
    shown = shop.run("consent", "show", "ann@example.com", "--stream", "newsletter").out
    assert "newsletter (Product news): gets mail [confirmed]" in shown
    assert re.search(r"agreed      \S+ \S+ UTC \(30 days ago\), single opt-in, ticked; fair in Osaka", shown)
    assert f'on words    "{WORDS}"' in shown
    ends = (NOW + timedelta(days=335)).date().isoformat()
    assert re.search(rf'runs out    on {ends} \(stale_after = "365d", policies/newsletter\.toml:\d+\) unless', shown)
    assert "consent-relay consent withdraw ann@example.com --stream newsletter" in shown
    assert "receipts" not in shown


def test_a_screen_is_one_screen(shop: Shop) -> None:
    grant(shop, "--source", "fair in Osaka", "--form-url", "https://brand.example/form", "--wording", WORDS)
    for number in range(30):
        grant(shop, "--source", f"form {number}", days=29 - number)
    shown = shop.run("consent", "show", "ann@example.com").out
    assert len(shown.splitlines()) < 50
    assert "(11 earlier events: --json)" in shown
    assert len(shop.run("consent", "show", "ann@example.com", "--json").json["events"]) == 31


def test_a_yes_of_another_spelling_is_named(shop: Shop) -> None:
    grant(shop, address="Ann@example.com")
    shown = shop.run("consent", "show", "ann@example.com").out
    assert "agreed      never as ann@example.com; a yes counts for exactly Ann@example.com" in shown


def test_json_is_complete(shop: Shop) -> None:
    grant(shop, "--wording", WORDS)
    shop.run("consent", "withdraw", "ann+x@example.com", "--source", "telephone")
    shown = shop.run("consent", "show", "ann@example.com", "--json").json
    assert set(shown) == {"address", "erased", "failure", "streams", "events", "wordings", "waiting", "questions"}
    (newsletter,) = [one for one in shown["streams"] if one["stream"] == "newsletter"]
    assert set(newsletter) == {
        "stream", "gets_mail", "status", "verdict", "enforced", "reasons", "facts", "policy", "rules", "ends",
        "would_change",
    }  # fmt: skip
    assert newsletter["ends"] == []
    assert newsletter["would_change"][0]["command"].endswith("--after-withdrawal")
    assert [one["kind"] for one in shown["events"]] == ["grant", "withdraw"]
    yes, no = shown["events"]
    assert (yes["mark"], yes["mark_by"], no["mark"], no["mark_by"]) == ("beaten", [no["id"]], "counts", [])
    (wording,) = shown["wordings"]
    assert wording["text"] == WORDS
    assert shown["events"][0]["wording"] == wording["hash"]


def test_of_an_erased_person_only_the_tombstone_is_told(shop: Shop) -> None:
    grant(shop, "--source", "fair in Osaka")
    shop.run("consent", "withdraw", "ann@example.com", "--source", "telephone")
    assert shop.run("consent", "erase", "ann@example.com", "--yes").code == 0
    shown = shop.run("consent", "show", "ann@example.com").out
    assert shown.splitlines()[1:] == [
        (
            "What was held of this person was erased at their own wish. Their no stands for every spelling, and no list "
            "brings them back; only a new yes of their own does."
        )
    ]
    told = shop.run("consent", "show", "ann@example.com", "--json").json
    assert (told["erased"], told["events"], told["wordings"]) == (True, [], [])
    assert set(told["streams"][0]["facts"]) == {"withdrawn_at"}
    explained = shop.run("policy", "explain", "--to", "ann@example.com", "--stream", "newsletter").out
    assert "Osaka" not in explained
    assert "no list brings them back" in explained
    assert shop.run("consent", "show", "ann@example.com", "--receipt").code == 1


def test_a_yes_under_the_no_that_an_erasure_kept_does_not_count(shop: Shop) -> None:
    grant(shop)
    assert shop.run("consent", "erase", "ann@example.com", "--yes").code == 0
    at = ("--at", "now", "--stream", "newsletter", "--basis", "written")
    shop.run("consent", "grant", "ann@example.com", *at)
    shown = shop.run("consent", "show", "ann@example.com").out
    assert "newsletter (Product news): gets no mail [withdrawn]" in shown
    assert "-> beaten" in shown
    assert "-> counts" not in shown
    shop.run("consent", "grant", "ann@example.com", *at, "--act", "signed", "--after-withdrawal")
    assert "-> counts" in shop.run("consent", "show", "ann@example.com").out


def test_a_dead_mailbox_says_who_can_say_otherwise(shop: Shop) -> None:
    grant(shop)
    ann = Address("ann", "example.com")
    event = Event("1" * 26, EventKind.UNDELIVERABLE, ann, "", "", NOW, NOW, "refused twice", "relay", live=True)
    with shop.store() as committer:
        append(committer, [event])
    shown = shop.run("consent", "show", "ann@example.com").out
    assert "newsletter (Product news): gets no mail [undeliverable]" in shown
    assert "consent-relay consent deliverable ann@example.com --source HOW_YOU_KNOW" in shown
    assert "mail was permanently refused - refused twice" in shown


def test_a_stream_that_nobody_knows_is_a_slip(shop: Shop) -> None:
    grant(shop)
    answer = shop.run("consent", "show", "ann@example.com", "--stream", "newsleter")
    assert answer.code == 2
    assert "no policy has the id 'newsleter'; known are newsletter" in answer.err


def test_nothing_is_known_of_a_stranger(shop: Shop) -> None:
    shop.run("db", "migrate")
    shown = shop.run("consent", "show", "stranger@example.com")
    assert shown.code == 0
    assert "nothing is recorded of this person" in shown.out
    assert shop.run("consent", "show", "stranger@example.com", "--json").json["events"] == []


def test_without_a_store_there_is_nothing_to_show(shop: Shop) -> None:
    answer = shop.run("consent", "show", "ann@example.com")
    assert answer.code == 1
    assert "there is no store yet; consent-relay db migrate makes one" in answer.err


def test_a_first_refusal_of_the_address_is_shown_until_mail_arrives(shop: Shop) -> None:
    grant(shop)
    connection = sqlite3.connect("var/relay.db")
    with contextlib.closing(connection), connection:
        at = int(NOW.timestamp() * 1_000_000)
        connection.execute("INSERT INTO failures VALUES ('ann@example.com', ?, '5.1.1')", (at,))
    assert "5.1.1 from the next hop" in shop.run("consent", "show", "ann@example.com").out
    assert shop.run("consent", "show", "ann@example.com", "--json").json["failure"]["code"] == "5.1.1"
    with contextlib.closing(sqlite3.connect("var/relay.db")) as connection, connection:
        connection.execute("UPDATE facts SET last_contact_at = ?", (at + 1,))
    assert "from the next hop" not in shop.run("consent", "show", "ann@example.com").out


def test_mail_that_waits_is_told_of_that_person_alone_and_by_stream(shop: Shop) -> None:
    take(shop, queued("ann@example.com"), queued("Ann+x@example.com"), queued("bob@example.com"))
    take(shop, held("ann@example.com", stream="receipts"))
    grant(shop, address="carl@example.com")
    shown = shop.run("consent", "show", "ann@example.com").out
    assert re.search(r"Mail that waits now:\n(  .*\n)*  2 copies queued, newsletter, since ", shown)
    assert "  1 copy held, receipts, since " in shown
    assert "  consent-relay queue show ann@example.com\n" in shown
    assert "bob@example.com" not in shown
    assert "waits now" not in shop.run("consent", "show", "carl@example.com").out
    of_stream = shop.run("consent", "show", "ann@example.com", "--stream", "newsletter", "--json").json
    (waiting,) = of_stream["waiting"]
    assert (waiting["state"], waiting["stream"], waiting["copies"]) == ("queued", "newsletter", 2)
    assert set(waiting) == {"state", "stream", "copies", "oldest", "since"}
    words = ("policy", "explain", "--to", "ann@example.com", "--stream", "newsletter")
    explained = shop.run(*words).out
    assert "  2 copies queued, newsletter, since " in explained
    assert "receipts, since" not in explained
    assert shop.run(*words, "--json").json["waiting"] == of_stream["waiting"]
