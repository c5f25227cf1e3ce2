from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.consent.causes import Cause
from relay.consent.formats import COLUMNS, FormatError
from relay.consent.known_formats import BY_NAME, FORMATS, OWN, recognised

MAILCHIMP = "email address,first name,member_rating,optin_time,optin_ip,confirm_time,confirm_ip,last_changed,leid,euid"


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ("uuid,email,name,attributes,status,created_at,updated_at", "listmonk"),
        ("id,created_at,updated_at,uuid,email,name,attribs,status,lists", "listmonk-api"),
        (f"{MAILCHIMP},unsub_time,unsub_campaign_title,unsub_campaign_id,unsub_reason", "mailchimp-unsubscribed"),
        (f"{MAILCHIMP},clean_time,clean_campaign_title,clean_campaign_id", "mailchimp-cleaned"),
        ("address,delivery_mode,email,list_id,member_id,role,self_link,user", "mailman3"),
        ("emailaddress,reason,lastupdatetime", "ses"),
        ("reason,email,created", "sendgrid-invalid"),
        ("ip,email,created", "sendgrid-spam-reports"),
        ("email,group_id,group_name,created_at", "sendgrid-group-unsubscribes"),
        ("emailaddress,suppressionreason,origin,createdat", "postmark"),
        ("address,stream,basis,at", "consent-relay"),
        ("mail,joined", "consent-relay"),
    ],
)
def test_a_list_is_known_by_its_columns(columns: str, name: str) -> None:
    assert recognised(columns.split(",")).name == name


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (MAILCHIMP, ["mailchimp-subscribed", "mailchimp-nonsubscribed"]),
        ("status,reason,email,created", ["sendgrid-bounces", "sendgrid-blocks"]),
    ],
)
def test_columns_that_fit_two_formats_have_to_be_named(columns: str, names: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        recognised(columns.split(","))
    assert all(f"--format {name}" in str(caught.value) for name in names)


def test_a_list_of_email_and_created_could_be_anything() -> None:
    assert recognised(["email", "created"]) is OWN


def test_what_their_words_mean_here_is_a_cause() -> None:
    meanings = {meaning for form in FORMATS for _, meaning in form.values.get("cause", ())}
    meanings |= {form.constants["cause"] for form in FORMATS if "cause" in form.constants}
    assert meanings - {""} <= set(Cause)


def test_no_format_states_a_basis_that_its_list_does_not_prove() -> None:
    assert {form.constants["basis"] for form in FORMATS if "basis" in form.constants} == {"assumed"}


def test_every_format_says_what_it_is_and_where_that_is_written() -> None:
    assert all(form.about for form in FORMATS)
    assert [form.name for form in FORMATS if form is not OWN and not form.facts.startswith("https://")] == []
    assert len(BY_NAME) == len(FORMATS)


MANUAL = (Path(__file__).parents[2] / "deploy" / "importing.md").read_text("utf-8")


def test_every_format_cause_and_column_is_in_the_manual() -> None:
    assert [name for name in BY_NAME if f"`{name}`" not in MANUAL] == []
    assert [cause for cause in Cause if f"`{cause}`" not in MANUAL] == []
    assert [column for column in COLUMNS if not re.search(rf"\b{column}\b", MANUAL)] == []
