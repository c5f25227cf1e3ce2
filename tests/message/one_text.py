"""One text part with its fields: the plan of it, what a footer makes of it, and how Python reads that."""

from __future__ import annotations

from email import message_from_bytes, policy

from relay.message.edits import applied
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import index, parts_of
from relay.message.rules import PlainCharset, Rules
from relay.message.text_part import TextPlan, planned, with_footer
from relay.message.wording import Wording

TOKEN = "k1abcd" + "A" * 128
LINK = f"https://mail.example/u/{TOKEN}"
RULES = Rules(commercial=True)
KEEP = Rules(commercial=True, charset=PlainCharset.KEEP)


def version(words: str, sender: str = "Tea House", contact: str = "tea@example.com") -> Version:
    facts = FooterFacts(sender, "1 Tea Street", contact, "https://example.com/privacy", "Tea news")
    plain = f"{words}{{% if unsubscribe_url %}} {{{{ unsubscribe_url }}}}{{% endif %}}\n"
    return Version(facts, Wording(plain, f"<div>{plain}</div>\n", "{{ sender }} writes", "{year}"), "en")


def disclosure(*words: str) -> Disclosure:
    return Disclosure(tuple([version(one) for one in words]), LINK)


ASCII = disclosure("footer")
JAPANESE = disclosure("\u8336")
OUTSIDE_JIS = disclosure("\u2460")


def plain(footer: Disclosure, said: frozenset[str] = frozenset(), version: int = 0) -> str:
    return footer.footer(said, version).plain.replace("\n", "\r\n")


def markup(footer: Disclosure) -> str:
    return footer.footer().html.replace("\n", "\r\n")


def plan_of(content: bytes, rules: Rules = RULES) -> TextPlan | str:
    return planned(index(content), parts_of(index(content)), rules)


def edited(head: str, body: bytes, footer: Disclosure, rules: Rules = RULES) -> bytes | None:
    return rewritten(f"MIME-Version: 1.0\r\n{head}\r\n".encode() + body, footer, rules)


def rewritten(content: bytes, footer: Disclosure, rules: Rules = RULES) -> bytes | None:
    plan = plan_of(content, rules)
    assert isinstance(plan, TextPlan), plan
    edits = with_footer(index(content), plan, footer)
    return None if edits is None else applied(content, edits)


def body_of(message: bytes | None) -> bytes:
    assert message is not None
    return message.partition(b"\r\n\r\n")[2]


def read(message: bytes | None) -> str:
    assert message is not None
    text = message_from_bytes(message, policy=policy.default).get_content()
    assert isinstance(text, str)
    return text


def head(kind: str, charset: str, transfer: str = "8bit", more: str = "") -> str:
    return f"Content-Type: {kind}; charset={charset}{more}\r\nContent-Transfer-Encoding: {transfer}\r\n"
