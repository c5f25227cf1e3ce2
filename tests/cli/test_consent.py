from __future__ import annotations

import pytest
from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grant", "ann", *GRANT], "the address cannot be used: the address has no domain"),
        (["grant", "ann@example.com", "--stream", "nope", "--basis", "written", "--at", "now"], "known are newsletter"),
        (["grant", "ann@example.com", *GRANT[:-1], "1.5.2025"], "--at: '1.5.2025' is not a time in ISO 8601"),
        (["grant", "ann@example.com", *GRANT[:-1], "2999-01-01T00:00:00Z"], "lies in the future"),
        (["grant", "ann@example.com", *GRANT[:-1], "2025-01-01"], "has no zone"),
        (["grant", "ann@example.com", "--stream", "newsletter", "--at", "now"], "--basis"),
        (["withdraw", "ann@example.com", "--at", "soon"], "--at"),
        (["withdraw", "ann@example.com", "--source", "\udcff"], "not valid text"),
        (["show"], "ADDRESS"),
        ([], "ACTION"),
    ],
)
def test_wrong_usage_has_its_own_exit_code_and_says_what_is_wrong(shop: Shop, arguments: list[str], words: str) -> None:
    answer = shop.run("consent", *arguments)
    assert answer.code == 2
    assert words in answer.err
