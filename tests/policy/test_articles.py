"""What the two articles on opt-in and opt-out mail demand, statement by statement, and how this relay answers.

Each test of test_articles_*.py is named after a statement and reads without knowing the code: somebody said something, mail
is to be sent on a certain day, and this is what happens. Replies, copies and pages are those that a mailer and a reader
get.
"""

from __future__ import annotations

import ast
from pathlib import Path

#: The statements, each with the words that its tests begin with.
STATEMENTS = {
    "Opt-in: mail only after a clear, active yes": "opt_in_",
    "Not refusing is not agreeing (pre-ticked box, box to untick, past purchase)": "not_refusing_is_not_agreeing",
    "Deemed consent counts only where a policy says so": "deemed_consent_",
    "After-the-fact opt-out must always work": "opting_out_afterwards_",
    'Confirmation ("thank you") mail within 24 hours of the yes': "the_confirmation_",
    "First mailing within 1 week": "the_first_mailing_",
    "A yes of a year ago with no contact since is worth nothing: ask again": "a_yes_of_a_year_ago_",
    "Even with regular contact, ask again from time to time": "even_with_regular_contact_",
    "Every mail says who sends, why, to whom, where the address came from, how to stop, privacy policy": "every_mail_",
    "A customer who says it is spam is right": "a_customer_who_says_it_is_spam_is_right",
    "Complaints destroy trust": "complaints_destroy_trust_",
    "Know the rules, be able to answer a complaint": "know_the_rules_",
    "Opt-in mail answers better and costs less": "opt_in_mail_answers_better_and_costs_less_",
}


def test_every_statement_has_its_tests_and_every_test_its_statement() -> None:
    files = sorted(Path(__file__).parent.glob("test_articles_*.py"))
    written = [
        one for file in files for one in ast.parse(file.read_text("utf-8")).body if isinstance(one, ast.FunctionDef)
    ]
    names = [one.name.removeprefix("test_") for one in written if one.name.startswith("test_")]
    for statement, words in STATEMENTS.items():
        assert any(name.startswith(words) for name in names), statement
    assert all(name.startswith(tuple(STATEMENTS.values())) for name in names)
