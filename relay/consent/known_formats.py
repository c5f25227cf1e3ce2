"""The lists that people have, as one table: which column is what, and what becomes of a row. Pure data.

Where the facts come from stands beside each format (`facts`). A format states nothing that its file does not say: where
a program keeps no proof of how somebody agreed, the basis is `assumed`, and the operator who knows better says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.consent.formats import COLUMNS, Format, FormatError
from relay.consent.moments import GO, ISO, UNIX

OWN: Final = Format(
    name="consent-relay",
    columns={name: (name,) for name in COLUMNS},
    recognised_by=frozenset({"address"}),
    about="our own columns, as `consent export` writes them",
)
#: One address a line, without a header.
PLAIN: Final = Format(
    name="plain",
    columns={"address": ("address",)},
    constants={"basis": "assumed"},
    about='one address a line, also "Name <address>"; Mailman 2 (list_members), Mailman 3 (mailman members, Postorius)',
    # https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/commands/docs/members.html and postorius,
    # src/postorius/views/list.py, csv_view: one column, no header.
    facts="https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/commands/docs/members.html",
)

_LISTMONK: Final = (
    ("enabled", ""),
    ("blocklisted", "unsubscribe"),
    ("disabled", "manual"),
)
_LISTMONK_NOTE: Final = (
    "listmonk does not say here who left a single list; export those apart (subscription_status=unsubscribed) and import "
    "them with --value cause=unsubscribe"
)
_MAILCHIMP_FACTS: Final = "https://mailchimp.com/help/view-export-contacts/"
_MAILCHIMP: Final = frozenset({"email address", "leid", "euid"})
_SENDGRID_FACTS: Final = "https://www.twilio.com/docs/sendgrid/api-reference/bounces-api/retrieve-all-bounces"
_SENDGRID_TIMES: Final = (UNIX, ISO)

FORMATS: Final = (
    Format(
        name="listmonk",
        columns={"address": ("email",), "at": ("created_at",), "cause": ("status",)},
        constants={"basis": "assumed"},
        values={"cause": _LISTMONK},
        times=(GO, ISO),
        recognised_by=frozenset({"uuid", "email", "attributes", "status", "created_at", "updated_at"}),
        about="listmonk, export of subscribers (CSV)",
        note=_LISTMONK_NOTE,
        # ExportSubscribers in cmd/subscribers.go writes these columns, times by Go's time.Time.String.
        facts="https://github.com/knadh/listmonk/blob/master/cmd/subscribers.go",
    ),
    Format(
        name="listmonk-api",
        columns={"address": ("email",), "at": ("created_at",), "cause": ("status",)},
        constants={"basis": "assumed"},
        values={"cause": _LISTMONK},
        recognised_by=frozenset({"uuid", "email", "attribs", "status", "created_at", "updated_at"}),
        records=("data", "results"),
        about="listmonk, GET /api/subscribers (JSON)",
        note=_LISTMONK_NOTE,
        facts="https://listmonk.app/docs/apis/subscribers/",
    ),
    Format(
        name="mailchimp-subscribed",
        # OPTIN_* is filled by a sign-up form alone, CONFIRM_* for everybody who came in any way: no proof of a click.
        columns={
            "address": ("email address",),
            "at": ("optin_time", "confirm_time"),
            "ip": ("optin_ip", "confirm_ip"),
        },
        constants={"basis": "assumed"},
        naive=True,
        recognised_by=_MAILCHIMP,
        not_with=frozenset({"unsub_time", "clean_time"}),
        about="Mailchimp, audience export: subscribed contacts",
        facts=_MAILCHIMP_FACTS,
    ),
    Format(
        name="mailchimp-nonsubscribed",
        columns={"address": ("email address",)},
        constants={"cause": "never-agreed"},
        recognised_by=_MAILCHIMP,
        not_with=frozenset({"unsub_time", "clean_time"}),
        about="Mailchimp, audience export: nonsubscribed contacts; none is taken",
        facts=_MAILCHIMP_FACTS,
    ),
    Format(
        name="mailchimp-unsubscribed",
        columns={"address": ("email address",), "withdrawn_at": ("unsub_time",), "cause": ("unsub_reason",)},
        values={"cause": (("*spam*", "complaint"), ("*abuse*", "complaint"), ("*", "unsubscribe"))},
        naive=True,
        recognised_by=_MAILCHIMP | {"unsub_time"},
        not_with=frozenset({"clean_time"}),
        about="Mailchimp, audience export: unsubscribed contacts",
        facts=_MAILCHIMP_FACTS,
    ),
    Format(
        name="mailchimp-cleaned",
        columns={"address": ("email address",), "withdrawn_at": ("clean_time",)},
        constants={"cause": "hard-bounce"},
        naive=True,
        recognised_by=_MAILCHIMP | {"clean_time"},
        not_with=frozenset({"unsub_time"}),
        about="Mailchimp, audience export: cleaned contacts",
        facts=_MAILCHIMP_FACTS,
    ),
    Format(
        name="mailman3",
        columns={"address": ("email",), "cause": ("role", "delivery_status")},
        constants={"basis": "assumed"},
        values={
            "cause": (
                ("member", ""),
                ("enabled", ""),
                ("unknown", ""),
                ("", ""),
                ("by_user", "unsubscribe"),  # the person has switched the list's mail off
                ("by_moderator", "manual"),
                ("by_bounces", "soft-bounce"),
                ("*", "no-member"),
            )
        },
        recognised_by=frozenset({"email", "list_id", "role", "delivery_mode"}),
        records=("entries",),
        about="Mailman 3, GET /3.1/lists/LIST/roster/member (JSON)",
        facts="https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rest/docs/membership.html",
    ),
    Format(
        name="ses",
        columns={"address": ("emailaddress",), "cause": ("reason",), "withdrawn_at": ("lastupdatetime",)},
        values={"cause": (("bounce", "hard-bounce"), ("complaint", "complaint"))},
        times=(ISO, UNIX),
        recognised_by=frozenset({"emailaddress", "reason", "lastupdatetime"}),
        records=("suppresseddestinationsummaries",),
        about="Amazon SES, aws sesv2 list-suppressed-destinations (JSON, or CSV made of it)",
        # A BOUNCE of the account's suppression list is a hard bounce.
        facts="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SuppressedDestinationSummary.html",
    ),
    Format(
        name="sendgrid-bounces",
        columns={"address": ("email",), "cause": ("status",), "withdrawn_at": ("created",)},
        values={
            "cause": (
                ("4*", "soft-bounce"),
                ("5.7.*", "block"),  # refused by a rule of the receiver (RFC 3463): no word about the mailbox
                ("5.2.2", "soft-bounce"),  # full
                ("5*", "hard-bounce"),
                ("", "hard-bounce"),
            )
        },
        times=_SENDGRID_TIMES,
        recognised_by=frozenset({"email", "created", "reason", "status"}),
        about="SendGrid, bounces (CSV or JSON)",
        facts=_SENDGRID_FACTS,
    ),
    Format(
        name="sendgrid-blocks",
        columns={"address": ("email",), "withdrawn_at": ("created",)},
        constants={"cause": "block"},
        times=_SENDGRID_TIMES,
        recognised_by=frozenset({"email", "created", "reason", "status"}),
        about="SendGrid, blocks; none is taken",
        facts="https://www.twilio.com/docs/sendgrid/api-reference/blocks-api/retrieve-all-blocks",
    ),
    Format(
        name="sendgrid-invalid",
        columns={"address": ("email",), "withdrawn_at": ("created",)},
        constants={"cause": "hard-bounce"},
        times=_SENDGRID_TIMES,
        recognised_by=frozenset({"email", "created", "reason"}),
        not_with=frozenset({"status"}),
        about="SendGrid, invalid emails",
        facts="https://www.twilio.com/docs/sendgrid/api-reference/invalid-e-mails-api/retrieve-all-invalid-emails",
    ),
    Format(
        name="sendgrid-spam-reports",
        columns={"address": ("email",), "withdrawn_at": ("created",)},
        constants={"cause": "complaint"},
        times=_SENDGRID_TIMES,
        recognised_by=frozenset({"email", "created", "ip"}),
        not_with=frozenset({"status", "reason"}),
        about="SendGrid, spam reports",
        facts="https://www.twilio.com/docs/sendgrid/api-reference/spam-reports-api/retrieve-all-spam-reports",
    ),
    Format(
        name="sendgrid-unsubscribes",
        columns={"address": ("email",), "withdrawn_at": ("created",)},
        constants={"cause": "unsubscribe"},
        times=_SENDGRID_TIMES,
        about="SendGrid, global unsubscribes; any list may look like this, so it has to be named",
        facts="https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions",
    ),
    Format(
        name="sendgrid-group-unsubscribes",
        columns={"address": ("email",), "withdrawn_at": ("created_at", "created")},
        constants={"cause": "unsubscribe"},
        times=_SENDGRID_TIMES,
        recognised_by=frozenset({"email", "group_id", "group_name", "created_at"}),
        records=("suppressions",),
        about="SendGrid, group unsubscribes",
        facts="https://www.twilio.com/docs/sendgrid/api-reference/suppressions-suppressions",
    ),
    Format(
        name="postmark",
        columns={"address": ("emailaddress",), "cause": ("suppressionreason",), "withdrawn_at": ("createdat",)},
        # Who presses an unsubscribe link stands there as ManualSuppression, too.
        values={
            "cause": (("hardbounce", "hard-bounce"), ("spamcomplaint", "complaint"), ("manualsuppression", "manual"))
        },
        recognised_by=frozenset({"emailaddress", "suppressionreason", "createdat"}),
        records=("suppressions",),
        about="Postmark, suppressions of a message stream (CSV or JSON)",
        facts="https://postmarkapp.com/developer/api/suppressions-api",
    ),
    PLAIN,
    OWN,
)
BY_NAME: Final = {form.name: form for form in FORMATS}


def fitting_formats(columns: Sequence[str]) -> list[Format]:
    """Those, besides our own, that a list with these columns can be."""
    there = frozenset(columns)
    return [
        form
        for form in FORMATS
        if form.recognised_by and form.recognised_by <= there and not form.not_with & there and form is not OWN
    ]


def recognised(columns: Sequence[str]) -> Format:
    """The one format that a list with these columns can be; our own when nothing speaks for another.

    Raises FormatError when it could be several.
    """
    possible = fitting_formats(columns)
    if len(possible) > 1 and not OWN.recognised_by <= frozenset(columns):
        names = " or ".join(f"--format {form.name}" for form in possible)
        raise FormatError(f"the columns fit more than one format; say which: {names}")
    return possible[0] if len(possible) == 1 else OWN
