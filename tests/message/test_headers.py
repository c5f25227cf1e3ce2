from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.edits import applied
from relay.message.headers import from_domain, header_values, planned_headers
from relay.message.index import index
from relay.message.rules import Existing, ExtraFields, Rules

URL = "https://relay.example/u/token"
UNSUBSCRIBE = f"List-Unsubscribe: <{URL}>\r\n"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
OURS = UNSUBSCRIBE + POST
REPLACE = Rules(commercial=True, existing=Existing.REPLACE)
KEEP = Rules(commercial=True, existing=Existing.KEEP)
COMBINE = Rules(commercial=True, existing=Existing.COMBINE)
ALL_RULES = (REPLACE, KEEP, COMBINE)
EXTRA = ExtraFields(feedback_id="brandrelay", cfbl_address="fbl@brand.example", precedence="bulk", auto_submitted=True)


def test_values_are_unfolded_and_kept_in_order() -> None:
    values = header_values(index("X-A: one\r\n two\r\nx-a:three\r\nSubject: 茶\r\n\r\n".encode()))
    assert values == {"x-a": ["one two", "three"], "subject": ["茶"]}


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("a@Brand.Example", "brand.example"),
        ("Brand <news@news.brand.example>", "news.brand.example"),
        ('"a@evil.example" <b@brand.example>', "brand.example"),
        ("(a@evil.example (x)) b@brand.example", "brand.example"),
        ('"<a@evil.example>" b@brand.example', "brand.example"),
        ("a@brand.example, b@other.example", "brand.example"),
        ("group: a@brand.example;", "brand.example"),
        ("ブランド <a@日本.example>", "xn--wgv71a.example"),
        ("a@brand.example.", "brand.example"),
        ('"news desk"@brand.example', "brand.example"),
        ("< a@brand.example >", "brand.example"),
        ("nobody", ""),
        ("a" * 100_000, ""),
        ('"\\' * 50_000, ""),
        ("a@" + "b" * 100_000, ""),
        ("<>", ""),
        ("", ""),
        ("a@" + "(" * 9000, ""),
    ],
)
def test_the_domain_of_the_first_author_is_found(value: str, domain: str) -> None:
    assert from_domain(index(f"From: {value}\r\n\r\n".encode())) == domain


def test_without_from_there_is_no_domain() -> None:
    assert from_domain(index(b"To: a@b.example\r\n\r\n")) == ""


def rewritten(fields: str, rules: Rules, *, is_report: bool = False, one_click: bool = True, token: str = "") -> str:
    """The header block as it becomes, ours on top."""
    message = index(fields.encode("latin-1") + b"\r\nbody\r\n")
    plan = planned_headers(message, rules, is_report=is_report)
    front = plan.front(URL, one_click=one_click, feedback_token=token) if rules.commercial else b""
    whole = applied(message.content, [(message.top, message.top, front), *plan.edits])
    assert whole.endswith(b"\r\nbody\r\n")
    assert max(map(len, front.split(b"\r\n"))) <= 998
    return whole.removesuffix(b"\r\nbody\r\n").decode("latin-1")


def test_what_recipients_must_not_see_is_removed_from_every_kind_of_mail() -> None:
    fields = "Bcc: a\r\nTo: b\r\nResent-BCC: c\r\nX-Consent-Stream: d\r\nList-Id: e\r\nList-Id: f\r\n"
    assert rewritten(fields, Rules(commercial=False)) == "To: b\r\nList-Id: e\r\nList-Id: f\r\n"
    assert rewritten(fields, REPLACE) == OURS + "To: b\r\nList-Id: e\r\n"


def test_replacing_leaves_no_list_unsubscribe_but_ours() -> None:
    fields = f"List-Unsubscribe: <https://mailer.example/u>\r\nTo: b\r\n{POST}list-unsubscribe:\r\n <mailto:a@mailer.example>\r\n"
    assert rewritten(fields, REPLACE) == OURS + "To: b\r\n"
    assert rewritten(fields, REPLACE, one_click=False) == UNSUBSCRIBE + "To: b\r\n"


def test_keeping_takes_the_mailers_first_sound_one_as_it_is() -> None:
    own = "LIST-Unsubscribe:  <mailto:a@mailer.example>,\r\n\t<https://mailer.example/u> (stop)\r\n"
    fields = f"List-Unsubscribe: stop\r\n{own}To: b\r\n{POST}List-Unsubscribe: <https://other.example>\r\n{POST}"
    assert rewritten(fields, KEEP) == f"{own}To: b\r\n{POST}"


@pytest.mark.parametrize(
    "post", ["List-Unsubscribe", "list-unsubscribe=one-click", "List-Unsubscribe=One-Click; x", "", "=?utf-8?q?x?="]
)
def test_a_kept_fields_post_stays_only_when_it_is_exactly_right(post: str) -> None:
    own = "List-Unsubscribe: <https://mailer.example/u>\r\n"
    assert rewritten(f"{own}List-Unsubscribe-Post: {post}\r\n", KEEP) == own
    assert rewritten(f"List-Unsubscribe-Post: {post}\r\n{own}{POST}", KEEP) == own + POST


@pytest.mark.parametrize(
    "uris", ["<mailto:a@mailer.example>", "<http://mailer.example/u>", "<https://a.example>, <https://b.example>"]
)
def test_a_kept_field_without_one_https_uri_has_no_post(uris: str) -> None:
    own = f"List-Unsubscribe: {uris}\r\n"
    assert rewritten(POST + own, KEEP) == own


@pytest.mark.parametrize(
    "own",
    [
        "",
        "List-Unsubscribe: =?utf-8?q?=3Chttps=3A//a.example=3E?=\r\n",
        "List-Unsubscribe: <>\r\n",
        POST,
        "List-Unsubscribe : <https://a.example>\r\n",
    ],
)
def test_keeping_adds_ours_where_there_is_none_that_is_sound(own: str) -> None:
    assert rewritten(own + "To: b\r\n", KEEP) == OURS + "To: b\r\n"


def test_somebody_elses_link_of_ours_is_never_kept() -> None:
    other = f"List-Unsubscribe: <https://relay.example/u/000001{'x' * 128}>, <mailto:stop@brand.example>\r\n{POST}"
    both = UNSUBSCRIBE.replace("\r\n", ", <mailto:stop@brand.example>\r\n") + POST
    assert rewritten(other, KEEP) == rewritten(other, COMBINE) == both
    assert "x" * 128 not in rewritten("Auto-Submitted: auto-replied\r\n" + other, KEEP)
    short = f"List-Unsubscribe: <https://brand.example/u/{'x' * 20}>\r\n"
    assert rewritten(short, KEEP) == short


def test_combining_puts_the_mailers_mail_addresses_behind_our_link() -> None:
    fields = (
        f"{POST}List-Unsubscribe: <https://mailer.example/u>, <mailto:a@mailer.example>\r\nTo: b\r\n"
        "List-Unsubscribe: <mailto:a@mailer.example>, <mailto:b@mailer.example>\r\nList-Unsubscribe: mailto:c@d\r\n"
    )
    assert rewritten(fields, COMBINE) == (
        f"List-Unsubscribe: <{URL}>, <mailto:a@mailer.example>, <mailto:b@mailer.example>\r\n{POST}To: b\r\n"
    )


def test_ours_is_the_only_list_id_where_the_policy_has_one_else_the_mailers_first() -> None:
    fields = "List-Id: A <a.mailer.example>\r\nTo: b\r\nList-ID: <b.mailer.example>\r\n"
    ours = replace(REPLACE, list_id="news.brand.example")
    assert rewritten(fields, ours) == OURS + "List-Id: <news.brand.example>\r\nTo: b\r\n"
    assert rewritten(fields, REPLACE) == OURS + "List-Id: A <a.mailer.example>\r\nTo: b\r\n"


def test_of_doubled_other_list_fields_the_first_stays() -> None:
    fields = "List-Help: <https://a>\r\nlist-help: b\r\nList-Post: NO\r\nList-Owner: c\r\nList-Post: d\r\n"
    assert rewritten(fields, REPLACE) == OURS + "List-Help: <https://a>\r\nList-Post: NO\r\nList-Owner: c\r\n"


@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("value", ["auto-replied", "Auto-Replied (vacation); x=y", "(a) auto-notified; owner-email=b"])
def test_an_auto_reply_gets_no_list_unsubscribe(rules: Rules, value: str) -> None:
    assert rewritten(f"Auto-Submitted: {value}\r\n", rules) == f"Auto-Submitted: {value}\r\n"


@pytest.mark.parametrize("value", ["auto-generated", "no", "auto-repliedx", ""])
def test_what_a_program_sends_on_its_own_gets_one(value: str) -> None:
    assert rewritten(f"Auto-Submitted: {value}\r\n", REPLACE) == f"{OURS}Auto-Submitted: {value}\r\n"


@pytest.mark.parametrize("rules", ALL_RULES)
def test_a_report_gets_nothing_and_keeps_one_of_each(rules: Rules) -> None:
    rules = replace(rules, list_id="news.brand.example", extra=EXTRA)
    own = f"List-Unsubscribe: <https://mailer.example/u>\r\n{POST}List-Id: <x.example>\r\n"
    assert rewritten(own + own + "Bcc: a\r\n", rules, is_report=True, token="abc") == own
    assert rewritten("To: b\r\n", rules, is_report=True, token="abc") == "To: b\r\n"


def test_extra_fields_follow_where_the_mailer_has_none() -> None:
    rules = replace(REPLACE, stream="newsletter", brand="brand", extra=EXTRA)
    ours = (
        "Feedback-ID: newsletter:brand::brandrelay\r\nCFBL-Address: fbl@brand.example; report=arf\r\n"
        "Precedence: bulk\r\nAuto-Submitted: auto-generated\r\n"
    )
    assert rewritten("To: b\r\n", rules, token="tok") == f"{OURS}{ours}CFBL-Feedback-ID: tok\r\nTo: b\r\n"
    assert rewritten("To: b\r\n", rules) == f"{OURS}{ours}To: b\r\n"
    own = (
        "Feedback-ID: a:b:c:d\r\nFeedback-ID: e:f:g:h\r\nCFBL-Address: x@mailer.example; report=arf\r\n"
        "CFBL-Feedback-ID: y\r\nPrecedence: list\r\nAuto-Submitted: no\r\n"
    )
    assert rewritten(own, rules, token="tok") == OURS + own


def test_the_plan_names_every_field_that_it_touches() -> None:
    def changed(fields: str, rules: Rules) -> set[str]:
        return set(planned_headers(index(fields.encode() + b"\r\n"), rules, is_report=False).changed)

    both = {"list-unsubscribe", "list-unsubscribe-post"}
    assert changed("To: b\r\nBcc: c\r\n", Rules(commercial=False)) == {"bcc"}
    assert changed("To: b\r\n", REPLACE) == both
    assert changed("List-Help: a\r\nList-Help: b\r\n", REPLACE) == both | {"list-help"}
    assert changed("List-Unsubscribe: <https://a.example>\r\n", KEEP) == set()
    assert changed(f"List-Unsubscribe: <mailto:a@b>\r\n{POST}", KEEP) == {"list-unsubscribe-post"}
    added = {"list-id", "feedback-id", "cfbl-address", "cfbl-feedback-id", "precedence", "auto-submitted"}
    assert changed("To: b\r\n", replace(REPLACE, list_id="a.b", extra=EXTRA)) == both | added


def test_over_long_lines_and_odd_octets_of_the_mailer_are_never_written_again() -> None:
    odd = (
        "Subject: "
        + "x" * 2000
        + "\r\nX-Nul: a\0b\r\nX-Eight: \xe9\xff\r\nX-Open: "
        + "(" * 100_000
        + "\r\nX-Bare: a\nb\rc\r\n"
    )
    assert rewritten(odd, REPLACE) == OURS + odd


def test_many_fields_are_sorted_out_in_one_pass() -> None:
    def block(count: int, own: str) -> str:
        return "".join(f"List-X{number}: a\r\n{own}X-{number}: b\r\n" for number in range(count))

    many = block(330, "List-Unsubscribe: <https://a.example/>\r\n")
    assert rewritten(many, REPLACE) == OURS + block(330, "")
    assert rewritten(many, KEEP).count("List-Unsubscribe: ") == 1
    assert rewritten(block(5000, ""), REPLACE) == OURS + block(5000, "")


NAMES = (
    "List-Unsubscribe List-Unsubscribe-Post List-Id List-Help Bcc X-Consent-A To DKIM-Signature Auto-Submitted".split()
)
VALUES = [" <https://a.example/u>", " <mailto:a@b.example>", " List-Unsubscribe=One-Click", " x", "\r\n <https://a.example>",
          " \xff\0", " auto-replied", " h=from:list-id", ""]  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=12),
    st.sampled_from(list(Existing)),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_mailer_has_there_is_one_of_each_and_the_rest_is_in_its_order(
    fields: list[tuple[str, str]], existing: Existing, is_report: bool, has_id: bool
) -> None:
    before = [f"{name}:{value}" for name, value in fields]
    rules = Rules(commercial=True, existing=existing, list_id="a.example" if has_id else "")
    after = index(rewritten("".join(f"{one}\r\n" for one in before), rules, is_report=is_report).encode("latin-1"))
    names = [one.name for one in after.head.fields]
    lists = [name for name in names if name.startswith("list-")]
    assert len(lists) == len(set(lists))
    assert "list-unsubscribe-post" not in names or "list-unsubscribe" in names
    if not is_report and "Auto-Submitted: auto-replied" not in before:
        assert "list-unsubscribe" in names
    rest = [
        after.content[one.start : one.end - 2].decode("latin-1") for one in after.head.fields if one.name[:5] != "list-"
    ]
    assert rest == [one for one in before if not one.lower().startswith(("list-", "bcc", "x-consent"))]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    message = index(content)
    header_values(message)
    from_domain(message)
    for rules in ALL_RULES:
        for is_report in (False, True):
            plan = planned_headers(message, rules, is_report=is_report)
            front = plan.front(URL, one_click=True)
            assert applied(content, [(message.top, message.top, front), *plan.edits]) is not None


def test_reports_about_this_copy_never_name_the_reader_of_an_earlier_one() -> None:
    earlier = "CFBL-Address: fbl@brand.example; report=arf\r\nCFBL-Feedback-ID: " + "a" * 134 + "\r\n"
    message = index(f"Subject: x\r\n{earlier}\r\nbody\r\n".encode())
    plan = planned_headers(message, replace(REPLACE, extra=EXTRA), is_report=False)
    assert applied(message.content, plan.edits) == b"Subject: x\r\n\r\nbody\r\n"
    assert b"CFBL-Feedback-ID: mine\r\n" in plan.front(URL, one_click=True, feedback_token="mine")
    assert applied(message.content, planned_headers(message, REPLACE, is_report=False).edits) == (
        b"Subject: x\r\n\r\nbody\r\n"
    )


def test_the_mailers_own_feedback_id_stays() -> None:
    message = index(b"CFBL-Address: a@b.example; report=arf\r\nCFBL-Feedback-ID: 111:222\r\n\r\nbody\r\n")
    plan = planned_headers(message, replace(REPLACE, extra=EXTRA), is_report=False)
    assert applied(message.content, plan.edits) == message.content
    assert b"CFBL" not in plan.front(URL, one_click=True, feedback_token="mine")
