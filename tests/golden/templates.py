"""Golden messages with placeholders of the mailer's own template, and messages that this relay wrote into before."""

from __future__ import annotations

from typing import Final

from golden.pieces import (
    ENGLISH,
    JAPANESE,
    OLD_HTML,
    OLD_PLAIN,
    PAGE,
    base64,
    crlf,
    encoded_word,
    head,
    in_charset,
    message,
    multi,
    part,
    quoted,
    typed,
    whole,
)

_JA: Final = head(encoded_word("新しいお茶", "UTF-8"))
_ALL: Final = """\
You get this because: {{why}}
{{ sender }}, {{postal_address}}
Questions: {{contact}}, privacy: {{ privacy_policy }}
Since {{consent_date}} ({{consent_source}}). Stop: {{unsubscribe_url}}
"""
_ALL_HTML: Final = """\
<div class="legal"><p>{{why}}</p>
<p>{{ sender }}, {{postal_address}}<br>{{contact}} &middot; <a href="{{ privacy_policy }}">Privacy</a></p>
<p>{{ consent_date }}, {{consent_source}}, <a href="{{unsubscribe_url}}">Stop</a></p></div>
"""
_QUOTED_OLD: Final = "".join(f"> {line}\n" for line in ("Hello,", "", *OLD_PLAIN.splitlines()))


def _plain(text: str, charset: str = "utf-8", transfer: str = "7bit") -> bytes:
    octets = in_charset(text, charset)
    octets = {"base64": base64, "quoted-printable": quoted}.get(transfer, bytes)(octets)
    return message(typed("text/plain", charset, transfer), octets, start=head() if text.isascii() else _JA)


def _html(body: str, transfer: str = "7bit", charset: str = "utf-8") -> bytes:
    octets = in_charset(f"<html><body>\n<p>New tea.</p>\n{body}</body></html>\n", charset)
    octets = {"base64": base64, "quoted-printable": quoted}.get(transfer, bytes)(octets)
    return message(typed("text/html", charset, transfer), octets)


def _both(plain: str, page: str) -> bytes:
    return whole(
        multi(
            "alternative", "=_alt", part(typed("text/plain", "utf-8", "7bit"), crlf(plain).encode()),
            part(typed("text/html", "utf-8", "7bit"), crlf(page).encode()),
        )
    )  # fmt: skip


PLACEHOLDERS: Final = {
    "en-placeholders-complete-plain": _plain(ENGLISH + _ALL),
    "en-placeholders-complete-alternative": _both(ENGLISH + _ALL, PAGE.replace("</body>", _ALL_HTML + "</body>")),
    "en-placeholders-in-one-alternative-only": _both(ENGLISH, PAGE.replace("</body>", _ALL_HTML + "</body>")),
    "ja-placeholders-complete-html": _html(_ALL_HTML),
    "en-placeholders-partial-plain": _plain(ENGLISH + "Stop: {{unsubscribe_url}}\n"),
    "ja-placeholders-partial-quoted-printable": message(
        typed("text/plain", "utf-8", "quoted-printable"),
        quoted(in_charset(JAPANESE, "utf-8")) + b"stop: {{unsub=\r\nscribe_url}} and {{ =\r\nsender}}, {{postal=5Faddress}}\r\n",
        start=_JA,
    ),
    "ja-placeholders-partial-base64": _plain(JAPANESE + "配信停止: {{unsubscribe_url}}\n", "utf-8", "base64"),
    "ja-placeholders-partial-iso-2022-jp": _plain(JAPANESE + "配信停止: {{unsubscribe_url}} {{sender}}\n", "iso-2022-jp"),
    "ja-placeholders-partial-shift-jis": message(
        typed("text/plain", "Shift_JIS", "8bit"), in_charset(JAPANESE + "{{sender}}より {{unsubscribe_url}}\n", "cp932"), start=_JA
    ),
    "ja-placeholders-for-what-the-charset-lacks": _plain("Sent by {{sender}}, {{unsubscribe_url}}\n", "iso-8859-1"),
    "ja-placeholders-for-what-the-charset-lacks-html": _html("<p>{{sender}}</p>\n", charset="iso-8859-1"),
    "en-placeholders-in-attributes": _html(
        '<p title="from {{sender}}"><a href="{{unsubscribe_url}}">Stop</a> <a href=\'{{privacy_policy}}\'>P</a></p>\n'
    ),
    "en-placeholders-percent-encoded": _html('<p><a href="%7B%7Bunsubscribe_url%7D%7D">Stop</a></p>\n'),
    "en-placeholders-percent-encoded-in-quoted-printable": _html(
        '<p><a href="%7b%7bunsubscribe_url%7d%7d">Stop</a></p>\n', "quoted-printable"
    ),
    "en-placeholders-footer": _html("{{footer}}\n<p>Printed on recycled electrons.</p>\n"),
    "en-placeholders-footer-plain": _plain(ENGLISH + "\n{{footer}}\n\nP.S. Free cups.\n"),
    "en-placeholders-in-a-comment-and-a-script": _html(
        "<!-- {{unsubscribe_url}} --><script>var a = '{{sender}}'</script>\n"
    ),
    "en-placeholders-of-others": _plain("{{first_name}}, new tea. {{ unsubscribe }} {unsubscribe_url}\n"),
    "en-literals-beside-a-placeholder": _plain(
        ENGLISH + "Brand K.K., 1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan. Stop: {{unsubscribe_url}}\n"
    ),
    "en-literals-without-a-placeholder": _plain(ENGLISH + "Brand K.K., 1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan\n"),
    "en-placeholders-twice": _plain("Stop: {{unsubscribe_url}}\nOr stop: {{unsubscribe_url}}\n"),
    "en-placeholders-without-a-value": _plain("Stop by mail: {{stop_address}}, web: {{unsubscribe_url}}\n"),
}  # fmt: skip

_OLD_PAGE: Final = f"<html><body>\n<p>New tea.</p>\n{OLD_HTML}</body></html>\n"

OWN_FOOTERS: Final = {
    "en-second-pass-plain": _plain(f"{ENGLISH}\n{OLD_PLAIN}"),
    "ja-second-pass-plain": _plain(f"{JAPANESE}\n{OLD_PLAIN}", "utf-8", "base64"),
    "en-second-pass-quoted-printable": _plain(f"{ENGLISH}\n{OLD_PLAIN}", "utf-8", "quoted-printable"),
    "en-second-pass-html": message(typed("text/html", "utf-8", "7bit"), crlf(_OLD_PAGE).encode()),
    "en-second-pass-alternative": _both(f"{ENGLISH}\n{OLD_PLAIN}", _OLD_PAGE),
    "en-reply-with-quote-plain": _plain(f"Thank you!\n\nOn Saturday Brand wrote:\n{_QUOTED_OLD}"),
    "en-reply-with-quote-html": _html(
        f'<p>Thank you!</p>\n<blockquote type="cite">\n<p>New tea.</p>\n{OLD_HTML}</blockquote>\n'
    ),
    "en-inline-forward-plain": _plain(
        f"Look at this.\n\n---------- Forwarded message ----------\nFrom: Brand\n\nNew tea.\n\n{OLD_PLAIN}"
    ),
    "en-inline-forward-html": _html(
        f"<p>Look at this.</p>\n<div>---------- Forwarded message ----------<br>\n<p>Tea.</p>\n{OLD_HTML}</div>\n"
    ),
    "en-inline-forward-in-the-middle-plain": _plain(f"Look:\n\nNew tea.\n\n{OLD_PLAIN}\nWhat do you think?\n"),
}
