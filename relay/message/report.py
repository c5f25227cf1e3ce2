"""What a client's owner reads once a day about mail that was accepted and did not go out: a subject and a plain text, in
English and in Japanese. Words only: who gets it and how it is wrapped is `relay.message.notice`'s matter.

Pure, and bounded: the text never grows with the number of lines, what is not listed is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from unicodedata import east_asian_width

from relay.queued import Fate, ReportLine
from relay.reason import MEANINGS, Reason

#: Lines that are listed, the newest; the rest is counted.
MOST_LISTED: Final = 200
#: Kinds of mail that are told apart; beyond it, those with fewest mails are counted together.
_MOST_KINDS: Final = 30
#: Characters of a stream's id, an address or a next hop's words.
_LONGEST: Final = 120
_RULE: Final = "-" * 72

_FATES_EN: Final = {
    Fate.DISCARDED: 'The policy of the stream, or refusal = "accept-and-report" of this client, wants such mail thrown '
    "away instead of refused.",
    Fate.EXPIRED: "It was held for a yes of its recipient, and none came in time.",
    Fate.REPLACED: "It was held, and a newer mail of the same stream to the same person took its place.",
    Fate.REFUSED: "Other recipients of the same message got it; the policy wants this only logged.",
    Fate.UNREPORTED: "It could not be delivered, and no notice reached its sender: that is empty (<>), got too many "
    "notices already, or did not take the notice; the line then names the sender as the recipient.",
    Fate.DROPPED: "An operator of the relay took it out.",
}
_TO_DO_EN: Final = {
    Fate.DISCARDED: "Take people who said no off your list; do not write to the others before they have said yes.",
    Fate.EXPIRED: "Let these addresses rest: the people were asked, or could not be, and did not answer.",
    Fate.REPLACED: "Nothing, if the newer mail says it all.",
    Fate.REFUSED: "Take these recipients off your list.",
    Fate.UNREPORTED: "Look at the answers of the next hop, listed below.",
    Fate.DROPPED: "Ask the operator if you did not expect it.",
}
_NAMES_JA: Final = {
    Fate.DISCARDED: "破棄",
    Fate.EXPIRED: "保留期限切れ",
    Fate.REPLACED: "新しいメールに置換",
    Fate.REFUSED: "一部の宛先を拒否",
    Fate.UNREPORTED: "配信不能 (通知先なし)",
    Fate.DROPPED: "運用者が削除",
}
_FATES_JA: Final = {
    Fate.DISCARDED: 'ストリームのポリシー、またはこのクライアントの設定 refusal = "accept-and-report" により、拒否せずに破棄しました。'
    "配信停止を希望した方は、配信リストから外してください。そのほかの方には、同意を得るまで送信しないでください。",
    Fate.EXPIRED: "受信者の同意を待って保留しましたが、期限までに同意が得られませんでした。これらの宛先への送信はお控えください。",
    Fate.REPLACED: "保留中に、同じ方への同じストリームの新しいメールが届いたため、置き換えました。対応は不要です。",
    Fate.REFUSED: "同じメールの他の宛先には配信しました。これらの宛先は配信リストから外してください。",
    Fate.UNREPORTED: "配信できず、差出人が空 (<>) である、通知が多すぎる、または差出人が不達通知を受け取らなかった (明細の宛先は差出人です) ため、差出人にお知らせできませんでした。下の明細の応答をご確認ください。",
    Fate.DROPPED: "リレーの運用者が取り除きました。心当たりがない場合は運用者にお尋ねください。",
}
_REASONS_JA: Final = {
    Reason.COMPLAINED: "迷惑メールとして申告された",
    Reason.WITHDRAWN: "配信停止を希望している",
    Reason.UNDELIVERABLE: "宛先が存在しない、または恒久的に受信できない",
    Reason.NO_CONSENT: "同意の記録がない",
    Reason.BASIS_NOT_ACCEPTED: "同意の種類がこのストリームでは認められない",
    Reason.UNCONFIRMED: "確認待ち (確認のリンクがまだ押されていない)",
    Reason.STALE: "同意が古く、その後の連絡もない",
    Reason.RENEWAL_DUE: "同意の更新が必要",
    Reason.FIRST_MAIL_LATE: "同意から最初のメールまでの期間が長すぎる",
    Reason.STREAM_PAUSED: "ストリームが一時停止中",
    Reason.DISCLOSURE_IMPOSSIBLE: "署名や暗号化のため、送信者情報と配信停止の案内を付けられない",
    Reason.STREAM_UNKNOWN: "該当するポリシーがない",
    Reason.SENDER_NOT_ALLOWED: "この差出人アドレスは許可されていない",
    Reason.NEXT_HOP_REFUSED: "次のサーバーが拒否した",
    Reason.NEXT_HOP_DEFERRED: "次のサーバーが期限までに受け付けなかった",
    Reason.OUTCOME_UNKNOWN: "次のサーバーが受け取ったかどうか不明",
    Reason.HOLD_EXPIRED: "保留の期限が切れた",
    Reason.INTERNAL_ERROR: "リレーの内部エラー",
    Reason.STORE_UNAVAILABLE: "同意の記録を確認できなかった",
    Reason.CLOCK_WRONG: "リレーの時計が正しくない",
    Reason.LIMIT: "上限に達した",
    Reason.MALFORMED: "メールの形式が正しくない",
    # of mail that might have passed, and that an operator dropped
    Reason.CONFIRMED: "同意があり、有効である",
    Reason.MIGRATION: "移行期間中に限り認められる同意がある",
    Reason.TRANSACTIONAL: "同意の必要がない種類のメール",
    Reason.INTERNAL: "社内またはテスト用の宛先",
    Reason.OBSERVED: "該当するポリシーがない (監視モード)",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """How many lines are alike."""

    fate: Fate
    reason: Reason
    stream: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """kinds: of all lines. newest: at most MOST_LISTED of them. since: when the oldest happened. until: lines from then
    on are told the next time. relay: its host name.
    """

    client: str
    relay: str
    since: datetime
    until: datetime
    kinds: Sequence[Kind]
    newest: Sequence[ReportLine]

    @property
    def count(self) -> int:
        return sum(kind.count for kind in self.kinds)


def subject(report: Report) -> str:
    many = f"{report.count:,} {'mail' if report.count == 1 else 'mails'}"
    return f"{many} of {report.client} not sent / 送信しなかったメール {report.count:,} 通"


def text(report: Report) -> str:
    """Lines end in LF."""
    return "\n".join([*_english(report), "", _RULE, "", *_japanese(report), "", _RULE, "", *_listed(report), ""])


def _english(report: Report) -> Iterator[str]:
    yield "(日本語の説明は下にあります。)"
    yield ""
    mails = "1 mail" if report.count == 1 else f"{report.count:,} mails"
    yield f'{report.relay} accepted {mails} of your client "{report.client}"'
    yield f"and did not send {'it' if report.count == 1 else 'them'}, from {_minute(report.since)} to {_minute(report.until)} UTC:"
    yield ""
    yield from _table(report, ("mails", "what happened", "reason", "stream"), {fate: str(fate) for fate in Fate})
    yield ""
    for fate in _fates(report):
        yield f"{fate}: {_FATES_EN[fate]}"
        yield f"  What to do: {_TO_DO_EN[fate]}"
    yield ""
    for reason in _reasons(report):
        yield f"{reason}: {MEANINGS[reason].explanation}"
    yield ""
    yield "Nothing else is sent about these mails. Do not reply to this mail: nobody reads it."


def _japanese(report: Report) -> Iterator[str]:
    yield f"{report.relay} は、クライアント「{report.client}」のメール {report.count:,} 通を受け付けましたが、送信しませんでした。"
    yield f"期間: {_minute(report.since)} から {_minute(report.until)} まで (UTC)"
    yield ""
    yield from _table(report, ("通数", "結果", "理由", "ストリーム"), _NAMES_JA)
    yield ""
    for fate in _fates(report):
        yield f"{_NAMES_JA[fate]} ({fate}): {_FATES_JA[fate]}"
    yield ""
    for reason in _reasons(report):
        yield f"{reason}: {_REASONS_JA[reason]}"
    yield ""
    yield "これらのメールについて、ほかの通知はありません。このメールには返信できません。"


def _listed(report: Report) -> Iterator[str]:
    newest = report.newest[-MOST_LISTED:]
    rest = report.count - len(newest)
    if rest > 0:
        yield f"The newest {len(newest):,} of {report.count:,}; the operator of the relay sees the other {rest:,} by"
        yield f"最新の {len(newest):,} 通です。残りの {rest:,} 通は、運用者が次のコマンドで確認できます。"
        yield f"  consent-relay log report --client {report.client} --since {_iso(report.since)} --until {_iso(report.until)}"
    else:
        yield "All of them / 明細"
    for line in newest:
        yield ""
        yield f"{line.at:%Y-%m-%d %H:%M:%S}Z  {_short(line.recipient)}"
        yield f"  {line.fate}, {line.reason}, {_short(line.stream) or 'no stream'}, from {_short(line.sender) or '<>'}"
        if line.reply:
            yield f"  answer: {_short(line.reply)}"
        yield f"  id {line.decision or line.message}"


def _table(report: Report, heads: tuple[str, str, str, str], fates: dict[Fate, str]) -> Iterator[str]:
    kinds = sorted(report.kinds, key=lambda one: (-one.count, one.fate, one.reason, one.stream))
    rows = [heads] + [
        (f"{one.count:,}", fates[one.fate], str(one.reason), _short(one.stream) or "-") for one in kinds[:_MOST_KINDS]
    ]
    left = kinds[_MOST_KINDS:]
    if left:
        rows.append((f"{sum(one.count for one in left):,}", "...", "...", "..."))
    widths = [max(_width(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        first, *rest = row
        cells = [_pad(cell, width) for cell, width in zip(rest, widths[1:], strict=False)]
        yield "  ".join([" " * (widths[0] - _width(first)) + first, *cells, rest[-1]])


def _fates(report: Report) -> list[Fate]:
    there = {one.fate for one in report.kinds}
    return [fate for fate in Fate if fate in there]


def _reasons(report: Report) -> list[Reason]:
    there = {one.reason for one in report.kinds}
    return [reason for reason in Reason if reason in there]


def _width(words: str) -> int:
    """In columns of a fixed-width font: Japanese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in words)


def _pad(words: str, width: int) -> str:
    return words + " " * (width - _width(words))


def _short(words: str) -> str:
    """One line, whatever a client or a next hop wrote into it."""
    flat = "".join(character if character.isprintable() else "?" for character in " ".join(words.split()))
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
