from __future__ import annotations

import pytest
from cli.queues import queued, take
from cli.shop import Shop

from relay.cli import CommandError
from relay.cli.known_names import require_known_names
from relay.config.load import load_settings
from relay.store.waiting import WaitingMail, WantedCopies


def require(shop: Shop, **wanted: str) -> None:
    with shop.store() as committer:
        mail = WaitingMail(committer.connection, committer.path)
        require_known_names(WantedCopies(**wanted), load_settings(None, {}), mail)  # type: ignore[arg-type]


def test_names_of_policies_and_clients_are_known_and_those_of_the_relays_own_mail(shop: Shop) -> None:
    require(shop)
    require(shop, stream="newsletter")
    require(shop, stream="relay-notices", client="relay")
    require(shop, client=load_settings(None, {}).clients[0].name)


def test_a_name_that_is_gone_is_known_while_its_mail_waits(shop: Shop) -> None:
    take(shop, queued("ann@example.org", stream="gone"))
    require(shop, stream="gone", client="shop", domain="example.net")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"stream": "newletter"}, '--stream: no policy has the id "newletter".*did you mean "newsletter"'),
        ({"stream": "zzz"}, "known are .*newsletter"),
        ({"client": "zzz"}, '--client: no client has the name "zzz".*known are .*relay'),
    ],
)
def test_other_names_are_wrong_usage(shop: Shop, wanted: dict[str, str], words: str) -> None:
    take(shop, queued("ann@example.org"))
    with pytest.raises(CommandError, match=words) as found:
        require(shop, **wanted)
    assert found.value.exit_code == 2
