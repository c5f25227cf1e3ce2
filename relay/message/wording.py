"""The footer's words, Japanese and English: who sends and from where, why, since when, how to stop, whom to ask.

What Japan's 特定電子メール法 wants shown (sender's name, that and how one can opt out, postal address, contact for
complaints) and what the consent articles want told (why this person, where the address came from, privacy policy).
Templates as `footer_template` understands them: values are filled in, never read as templates; what the mailer's own text
says already is empty, and its line is left out.
"""

# ruff: noqa: RUF001 - Japanese is written with full-width punctuation
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from relay.message.language import DEFAULT_LANGUAGE, nearest


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words. plain, html: the whole footer. why: one sentence. All three are templates (`footer_template`).

    date: "{day} {month} {year}", also {month:02} and {day:02}. months: their names, () where the language counts them.
    """

    plain: str
    html: str
    why: str
    date: str
    months: tuple[str, ...] = ()


_PLAIN_EN: Final = """\
{% if why %}
Why you receive this: {{ why }}
{% endif %}
{% if consent_date or consent_source %}
{{ "Your consent" if agreed else "Your address" }}: recorded
{%- if consent_date %} on {{ consent_date }}{% endif %}
{%- if consent_source %} ({{ consent_source }}){% endif %}
{% endif %}
{% if unsubscribe_url %}
Stop these emails at any time, without logging in:
{{ unsubscribe_url }}
{% endif %}
{% if stop_address %}
To stop by mail, write to: {{ stop_address }}
{% endif %}
{% if sender %}
Sent by: {{ sender }}
{% endif %}
{% if postal_address %}
Postal address: {{ postal_address }}
{% endif %}
{% if contact %}
Questions and complaints: {{ contact }}
{% endif %}
{% if privacy_policy %}
Privacy policy: {{ privacy_policy }}
{% endif %}
"""

_WHY_EN: Final = """\
{{ sender }} sends "{{ purpose }}" to {{ audience or "people" }}{% if agreed %} who agreed to receive it{% endif %}."""

_PLAIN_JA: Final = """\
{% if why %}
{{ why }}
{% endif %}
{% if consent_date or consent_source %}
{{ "ご同意の記録" if agreed else "アドレスの登録" }}：
{%- if consent_date %}{{ consent_date }}{% endif %}
{%- if consent_date and consent_source %}、{% endif %}
{%- if consent_source %}{{ consent_source }} にて{% endif %}
{% endif %}
{% if unsubscribe_url %}
配信の停止：今後このメールがご不要な場合は、次のページからいつでも停止できます（ログインは不要です）。
{{ unsubscribe_url }}
{% endif %}
{% if stop_address %}
メールでの停止の受付：{{ stop_address }}
{% endif %}
{% if sender %}
送信者：{{ sender }}
{% endif %}
{% if postal_address %}
住所：{{ postal_address }}
{% endif %}
{% if contact %}
お問い合わせ・苦情の受付：{{ contact }}
{% endif %}
{% if privacy_policy %}
プライバシーポリシー：{{ privacy_policy }}
{% endif %}
"""

_WHY_JA: Final = """\
{% if agreed %}
このメールは、「{{ purpose }}」の受信に同意された{{ audience or "方" }}へ、{{ sender }}がお送りしています。
{% else %}
このメールは、{{ audience or "皆さま" }}へのご案内「{{ purpose }}」として、{{ sender }}がお送りしています。
{% endif %}
"""

# The colours are those of the reader's own windows, text and ground together: on a dark page whose text has its colour
# somewhere else, text that took the page's could not be seen. Where a program does not know them, or takes colours out,
# it takes out both. Rules and links take the colour of the text. What a page's style sheet may do to every div, p and a
# is undone where it would hurt: colours twice, against sheets that say `!important` (those for dark screens nearly always
# do), and for Outlook, which reads no style with that word.
_BOX: Final = (
    '<div lang="{{ language }}" dir="{{ direction }}" style="clear:both;float:none;box-sizing:border-box;width:100%;'
    "max-width:600px;margin:24px auto 0;padding:12px 16px;border:0;border-top:1px solid;"
    "color:WindowText;color:WindowText!important;background:Window;background:Window!important;"
    "font:13px/1.6 sans-serif;"
    "text-align:{{ 'right' if direction == 'rtl' else 'left' }};text-indent:0;text-transform:none;"
    'letter-spacing:normal;white-space:normal;word-wrap:break-word;overflow-wrap:anywhere">\n'
)
_P: Final = (
    '<p style="width:auto;margin:0 0 6px;padding:0;color:inherit;color:inherit!important;'
    "background:none;background:none!important;font:inherit;text-align:inherit;"
    'text-indent:0;white-space:normal">'
)

_HTML_EN: Final = (
    _BOX
    + """\
{% if why or consent_date or consent_source %}
<p>
{% if why %}
Why you receive this: {{ why }}<br>
{% endif %}
{% if consent_date or consent_source %}
{{ "Your consent" if agreed else "Your address" }}: recorded
{%- if consent_date %} on {{ consent_date }}{% endif %}
{%- if consent_source %} ({{ consent_source | link }}){% endif %}<br>
{% endif %}
</p>
{% endif %}
{% if unsubscribe_url or stop_address %}
<p>
{% if unsubscribe_url %}
{{ unsubscribe_url | link("Stop these emails") }} at any time, without logging in.<br>
{% endif %}
{% if stop_address %}
To stop by mail, write to: {{ stop_address | link }}<br>
{% endif %}
</p>
{% endif %}
{% if sender or postal_address or contact or privacy_policy %}
<p>
{% if sender %}
Sent by: {{ sender }}<br>
{% endif %}
{% if postal_address %}
Postal address: {{ postal_address }}<br>
{% endif %}
{% if contact %}
Questions and complaints: {{ contact | link }}<br>
{% endif %}
{% if privacy_policy %}
Privacy policy: {{ privacy_policy | link }}<br>
{% endif %}
</p>
{% endif %}
</div>
""".replace("<p>", _P)
)

_HTML_JA: Final = (
    _BOX
    + """\
{% if why or consent_date or consent_source %}
<p>
{% if why %}
{{ why }}<br>
{% endif %}
{% if consent_date or consent_source %}
{{ "ご同意の記録" if agreed else "アドレスの登録" }}：
{%- if consent_date %}{{ consent_date }}{% endif %}
{%- if consent_date and consent_source %}、{% endif %}
{%- if consent_source %}{{ consent_source | link }} にて{% endif %}<br>
{% endif %}
</p>
{% endif %}
{% if unsubscribe_url or stop_address %}
<p>
{% if unsubscribe_url %}
今後このメールがご不要な場合は、{{ unsubscribe_url | link("配信停止のページ") }}からいつでも停止できます（ログインは不要です）。<br>
{% endif %}
{% if stop_address %}
メールでの停止の受付：{{ stop_address | link }}<br>
{% endif %}
</p>
{% endif %}
{% if sender or postal_address or contact or privacy_policy %}
<p>
{% if sender %}
送信者：{{ sender }}<br>
{% endif %}
{% if postal_address %}
住所：{{ postal_address }}<br>
{% endif %}
{% if contact %}
お問い合わせ・苦情の受付：{{ contact | link }}<br>
{% endif %}
{% if privacy_policy %}
プライバシーポリシー：{{ privacy_policy | link }}<br>
{% endif %}
</p>
{% endif %}
</div>
""".replace("<p>", _P)
)

# fmt: off
_MONTHS_EN: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on

#: What is built in, by language.
WORDINGS: Final = {
    "en": Wording(_PLAIN_EN, _HTML_EN, _WHY_EN, "{day} {month} {year}", _MONTHS_EN),
    "ja": Wording(_PLAIN_JA, _HTML_JA, _WHY_JA, "{year}年{month}月{day}日"),
}


def wording_for(language: str, own: Mapping[str, Wording]) -> tuple[str, Wording]:
    """The words for that language and the language they are in: own ones first, then built-in ones, then English."""
    for wanted in (language, DEFAULT_LANGUAGE):
        for words in (own, WORDINGS):
            found = nearest(wanted, words)
            if found:
                return found, words[found]
    return DEFAULT_LANGUAGE, WORDINGS[DEFAULT_LANGUAGE]
