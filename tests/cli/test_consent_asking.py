from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cli.shop import Shop

from relay.address import Address
from relay.policy.waves import Wave, stopped
from relay.store.asks import Ask, put_ask, put_wave
from relay.store.committing import Work

NOW = datetime.now(UTC).replace(microsecond=0)
WHY = "3 of 60 bounced (5.00 %), [asking] bounces allows less than 2"


def asked(shop: Shop, *, stop: bool = False) -> None:
    def work(connection: Any) -> None:
        wave = Wave("brand", 3, 400)
        put_wave(connection, stopped(wave, WHY, NOW) if stop else wave)
        for number in range(60):
            person = Address(f"reader{number}", "example.com")
            put_ask(
                connection,
                Ask("brand", "newsletter", person, f"m{number}", "asked again: stale", NOW, 3, NOW + timedelta(14)),
            )
        connection.execute(
            "UPDATE asks SET result = CASE WHEN number <= 3 THEN 'failed' ELSE 'delivered' END WHERE number < 60"
        )

    shop.run("db", "migrate")
    with shop.store() as committer:
        assert committer.commit([Work(work)]) == [None]


def test_without_anybody_who_waits_there_is_nothing_to_tell(shop: Shop) -> None:
    shop.run("db", "migrate")
    assert shop.run("consent", "asking").out == "nobody waits to be asked\n"
    assert shop.run("consent", "asking", "--json").json == []


def test_it_tells_the_wave_and_what_became_of_the_mails(shop: Shop) -> None:
    asked(shop)
    out = shop.run("consent", "asking").out
    assert "60 of 400 asked, 1 of them under way" in out
    assert "3 bounced (limit 2 %), 0 complained (limit 0.25 %)" in out
    assert "STOPPED" not in out
    (told,) = shop.run("consent", "asking", "--json", "--brand", "brand").json
    assert told["judged"] == {"mails": 59, "bounced": 3, "complained": 0}
    assert shop.run("consent", "asking", "--json", "--brand", "other").json == []


def test_a_stop_is_told_here_and_in_the_status_until_an_operator_goes_on(shop: Shop) -> None:
    asked(shop, stop=True)
    assert WHY in shop.run("consent", "asking").out
    status = shop.run("status", "--json")
    assert status.code == 1
    assert any(WHY in problem and "--resume brand" in problem for problem in status.json["problems"])
    assert status.json["asking"][0]["stopped_at"].endswith("Z")
    answer = shop.run("consent", "asking", "--resume", "brand", "--json")
    assert answer.code == 0
    (told,) = answer.json
    assert (told["stopped_at"], told["wave"]["number"], told["wave"]["size"]) == (None, 4, 100)
    assert told["judged"]["mails"] == 0
    assert not any(WHY in problem for problem in shop.run("status", "--json").json["problems"])


def test_what_has_not_stopped_cannot_be_resumed(shop: Shop) -> None:
    asked(shop)
    answer = shop.run("consent", "asking", "--resume", "brand")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "consent-relay consent: --resume: asking people of 'brand' has not stopped; consent-relay consent asking shows all\n"
    )
