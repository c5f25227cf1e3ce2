"""What a delivery status notification says to people: what happened to whom, why, and what to do; English, then Japanese.

Words only. Whatever the next hop said stands indented and on one line, so that it cannot pass for ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.message.dsn import Action, Report, Told, is_expired, was_given_up
from relay.message.notice import one_line_of
from relay.reason import MEANINGS, Group, Reason

#: Recipients that are listed in words; all stand in the second part.
MOST_LISTED: Final = 50
_RULE: Final = "-" * 60
#: Whoever reads no English sees at once that it goes on.
JAPANESE_BELOW: Final = "(日本語の説明は下にあります。)"


@dataclass(frozen=True, slots=True)
class _Why:
    """what: a sentence. remedy: what to do."""

    what: str
    remedy: str


_ASK_FIRST: Final = "Do not write to this address again before the person has said yes."
_ASK_FIRST_JA: Final = "ご本人の同意を得るまで、この宛先には送信しないでください。"
_REMOVE: Final = "Take the address off your list. Only the person's own new yes brings it back."
_REMOVE_JA: Final = "配信リストから外してください。再開できるのは、ご本人が改めて同意された場合だけです。"

_WHY_EN: Final[Mapping[Reason, _Why]] = {
    Reason.WITHDRAWN: _Why("The person has asked to get no more of these mails, so it was not sent.", _REMOVE),
    Reason.COMPLAINED: _Why("The person has reported mail of this sender as spam, so it was not sent.", _REMOVE),
    Reason.UNDELIVERABLE: _Why(
        "This mailbox was refused before as one that does not exist, so it was not sent.",
        "Check the address with the person.",
    ),
    Reason.NO_CONSENT: _Why("No consent of this person to these mails is recorded, so it was not sent.", _ASK_FIRST),
    Reason.BASIS_NOT_ACCEPTED: _Why(
        "The recorded consent of this person is of a kind that does not count here, so it was not sent.", _ASK_FIRST
    ),
    Reason.HOLD_EXPIRED: _Why(
        "The mail was held until the person would say yes; no answer came in time, so it was not sent.",
        "Let the address rest: the person did not answer.",
    ),
    Reason.NEXT_HOP_REFUSED: _Why(
        "The next mail server refused it for good.",
        "Take the address off your list if the answer says that it does not exist; else ask the operator of the relay.",
    ),
    Reason.NEXT_HOP_DEFERRED: _Why(
        "The next mail server did not take it, however often it was tried.",
        "Send it again later if it still matters; the address may be good.",
    ),
    Reason.OUTCOME_UNKNOWN: _Why(
        "The next mail server never said whether it took it; it may have arrived.",
        "Ask the person before you send it again.",
    ),
}
_OTHER_EN: Final = _Why(
    "The rules for this kind of mail do not let it go to this person now, so it was not sent.",
    "Ask the operator of the mail relay, and name the id below.",
)
#: An operator took it out before it was known what would become of it, or because it harms the relay itself.
_NOT_SENT_EN: Final = _Why("The mail relay has not sent it.", _OTHER_EN.remedy)
_GIVEN_UP_EN: Final = "The operator of the mail relay gave it up."
_WHY_JA: Final[Mapping[Reason, _Why]] = {
    Reason.WITHDRAWN: _Why("ご本人が配信停止を希望されているため、送信しませんでした。", _REMOVE_JA),
    Reason.COMPLAINED: _Why("ご本人が迷惑メールとして報告されたため、送信しませんでした。", _REMOVE_JA),
    Reason.UNDELIVERABLE: _Why(
        "以前に「宛先が存在しない」と拒否されたメールボックスのため、送信しませんでした。",
        "メールアドレスをご本人にお確かめください。",
    ),
    Reason.NO_CONSENT: _Why("このメールへのご本人の同意の記録がないため、送信しませんでした。", _ASK_FIRST_JA),
    Reason.BASIS_NOT_ACCEPTED: _Why(
        "記録されている同意が、このメールには認められない種類のため、送信しませんでした。", _ASK_FIRST_JA
    ),
    Reason.HOLD_EXPIRED: _Why(
        "ご本人の同意を待って保留しましたが、期限までに回答がなかったため、送信しませんでした。",
        "この宛先への送信はお控えください。",
    ),
    Reason.NEXT_HOP_REFUSED: _Why(
        "次のメールサーバーが受け取りを拒否しました。",
        "応答が「宛先が存在しない」という内容であれば、配信リストから外してください。それ以外の場合は、メールリレーの運用者にお問い合わせください。",
    ),
    Reason.NEXT_HOP_DEFERRED: _Why(
        "繰り返し試みましたが、次のメールサーバーが受け取りませんでした。",
        "まだ必要なメールであれば、後ほどもう一度お送りください。宛先が間違っているとは限りません。",
    ),
    Reason.OUTCOME_UNKNOWN: _Why(
        "次のメールサーバーから、受け取ったかどうかの応答がありませんでした。届いている可能性もあります。",
        "もう一度送る前に、ご本人にお確かめください。",
    ),
}
_OTHER_JA: Final = _Why(
    "このメールの配信規則により、現在この宛先には送信できません。",
    "下の ID を添えて、メールリレーの運用者にお問い合わせください。",
)

_NOT_SENT_JA: Final = _Why("メールリレーはこのメールを送信していません。", _OTHER_JA.remedy)
_GIVEN_UP_JA: Final = "メールリレーの運用者が配信を取りやめました。"

SUBJECTS: Final[Mapping[Action, str]] = {
    Action.FAILED: "Undelivered Mail Returned to Sender / メールを配信できませんでした",
    Action.DELAYED: "Delayed Mail, still being tried / メールの配信が遅れています",
    Action.RELAYED: "Mail passed on, no further notice / メールを中継しました",
}
_OPENING_EN: Final[Mapping[Action, str]] = {
    Action.FAILED: "Your mail did not reach the recipients named below.",
    Action.DELAYED: "Your mail has not reached the recipients named below yet. You need not do anything:\nit is tried "
    "until {until}.",
    Action.RELAYED: "You asked to be told when your mail arrives. It was passed on for the recipients named\nbelow to a "
    "mail server that sends no such notices: you will hear no more of it.",
}
_OPENING_JA: Final[Mapping[Action, str]] = {
    Action.FAILED: "お送りいただいたメールは、下記の宛先に届きませんでした。",
    Action.DELAYED: "お送りいただいたメールは、下記の宛先にまだ届いていません。{until} まで自動的に再送しますので、\n再度お送りいただく必要はありません。",
    Action.RELAYED: "配達通知のご希望がありましたが、下記の宛先のメールは配達通知に対応していないメールサーバーに渡しました。\nこれ以降の通知はありません。",
}


def words(report: Report) -> str:
    """The text of the first part."""
    return "\n".join([JAPANESE_BELOW, "", *_in_english(report), "", _RULE, "", *_in_japanese(report)]) + "\n"


def _in_english(report: Report) -> Iterator[str]:
    yield f"This is the mail relay {report.hostname}."
    yield ""
    yield _OPENING_EN[report.action].format(until=_moment(report.until))
    yield ""
    yield f"  Accepted:  {_moment(report.at)}"
    yield f"  Message:   {report.message}"
    for told in report.told[:MOST_LISTED]:
        yield ""
        yield f"* {told.recipient.address}"
        if report.action is Action.FAILED:
            why = _WHY_EN.get(told.reason, _OTHER_EN if _is_refusal(told.reason) else _NOT_SENT_EN)
            yield f"  {why.what}"
            if is_expired(told):
                yield f"  It was given up after {_length(report.tried_for, ('days', 'hours', 'minutes', 'minute'))}."
            elif was_given_up(told):
                yield f"  {_GIVEN_UP_EN}"
            yield from _details(told, "Answer", "Reason", "Id")
            yield f"  What to do: {why.remedy}"
        else:
            yield from _details(told, "Answer", "Reason", "Id", because=report.action is Action.DELAYED)
    yield from _rest(report.told, "... and {count} more, listed in the attached delivery report.")


def _in_japanese(report: Report) -> Iterator[str]:
    yield f"メールリレー {report.hostname} からのお知らせです。"
    yield ""
    yield _OPENING_JA[report.action].format(until=_moment(report.until))
    yield ""
    yield f"  受付日時:  {_moment(report.at)}"
    yield f"  メール ID: {report.message}"
    for told in report.told[:MOST_LISTED]:
        yield ""
        yield f"* {told.recipient.address}"
        if report.action is Action.FAILED:
            why = _WHY_JA.get(told.reason, _OTHER_JA if _is_refusal(told.reason) else _NOT_SENT_JA)
            yield f"  {why.what}"
            if is_expired(told):
                yield f"  {_length(report.tried_for, ('日間', '時間', '分間', '分間'), '')}試みて、配信を断念しました。"
            elif was_given_up(told):
                yield f"  {_GIVEN_UP_JA}"
            yield from _details(told, "応答", "理由", "ID")
            yield f"  対応: {why.remedy}"
        else:
            yield from _details(told, "応答", "理由", "ID", because=report.action is Action.DELAYED)
    yield from _rest(report.told, "... ほか {count} 件 (添付の配信レポートに記載しています)")


def _is_refusal(reason: Reason) -> bool:
    return MEANINGS[reason].group is Group.REFUSAL


def _details(told: Told, answered: str, reason: str, identifier: str, *, because: bool = True) -> Iterator[str]:
    """The answer, unless it is ours and says the same as the words above."""
    ours = _is_refusal(told.reason) or told.reason is Reason.HOLD_EXPIRED
    if told.last is not None and not ours:
        yield f"  {answered}: {one_line_of(str(told.last))}"
    yield f"  {reason}: {told.reason}, {identifier}: {told.decision}" if because else f"  {identifier}: {told.decision}"


def _rest(told: Sequence[Told], sentence: str) -> Iterator[str]:
    if len(told) > MOST_LISTED:
        yield ""
        yield sentence.format(count=len(told) - MOST_LISTED)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _length(span: timedelta, units: tuple[str, str, str, str], space: str = " ") -> str:
    """units: for days and hours, of which there are at least two, for minutes, and for a single one."""
    minutes = max(1, round(span.total_seconds() / 60))
    days, hours, few, one = units
    if minutes >= 2 * 24 * 60:
        return f"{round(minutes / (24 * 60))}{space}{days}"
    if minutes >= 120:
        return f"{round(minutes / 60)}{space}{hours}"
    return f"{minutes}{space}{few if minutes > 1 else one}"
