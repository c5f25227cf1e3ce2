"""The footer's words, Japanese and English: who sends and from where, why, since when, how to stop, whom to ask.

What Japan's 特定電子メール法 wants shown (sender's name, that and how one can opt out, postal address, contact for
complaints) and what the consent articles want told (why this person, where the address came from, privacy policy).
Jinja2 templates, sandboxed: values are filled in, never read as templates. No template line begins with a value, so
that no value can look like a quotation (RFC 3676 section 4.4), an mbox line or a MIME delimiter.
"""

# ruff: noqa: RUF001 - Japanese is written with full-width punctuation
from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Underscores: a line of hyphens could be taken for a MIME delimiter, "-- " for a signature that programs hide.
_RULE: Final = "_" * 40

_PLAIN_EN: Final = (
    _RULE
    + """
Why you receive this: {{ sender }} sends "{{ purpose }}" to {{ audience or "people" }}
{%- if agreed %} who agreed to receive it{% endif %}.
{% if consented_on or source -%}
{{ "Your consent" if agreed else "Your address" }}: recorded
{%- if consented_on %} on {{ consented_on }}{% endif %}
{%- if source %} ({{ source }}){% endif %}
{% endif -%}
Stop these emails at any time, without logging in:
{{ unsubscribe_url }}
Sent by: {{ sender }}
Postal address: {{ postal_address }}
Questions and complaints: {{ contact }}
Privacy policy: {{ privacy_policy }}
"""
)

_PLAIN_JA: Final = (
    _RULE
    + """
{% if agreed -%}
このメールは、「{{ purpose }}」の受信に同意された{{ audience or "方" }}へ、{{ sender }}がお送りしています。
{%- else -%}
このメールは、{{ audience or "皆さま" }}へのご案内「{{ purpose }}」として、{{ sender }}がお送りしています。
{%- endif %}
{% if consented_on or source -%}
{{ "ご同意の記録" if agreed else "アドレスの登録" }}：
{%- if consented_on %}{{ consented_on }}{% endif %}
{%- if consented_on and source %}、{% endif %}
{%- if source %}{{ source }} にて{% endif %}
{% endif -%}
配信の停止：今後このメールがご不要な場合は、次のページからいつでも停止できます（ログインは不要です）。
{{ unsubscribe_url }}
送信者：{{ sender }}
住所：{{ postal_address }}
お問い合わせ・苦情の受付：{{ contact }}
プライバシーポリシー：{{ privacy_policy }}
"""
)

# Colours are left to the mail program, which knows about dark themes; the rule takes the colour of the text.
_HTML_HEAD: Final = (
    '<div lang="{{ language }}" dir="ltr" style="clear:both;margin:24px 0 0;padding:12px 0 0;'
    'border-top:1px solid;font-size:13px;line-height:1.6;text-align:left">\n'
)
_ROW: Final = '<p style="margin:0 0 6px">'
#: The line breaks inside the tag: a long URL stands there twice, and lines are limited.
_LINK: Final = (
    "{% macro link(value, href) %}"
    '{% if href %}<a href="{{ href }}"\n>{{ value }}</a>{% else %}{{ value }}{% endif %}'
    "{% endmacro %}"
)

_HTML_EN: Final = (
    _LINK
    + _HTML_HEAD
    + _ROW
    + """Why you receive this: {{ sender }} sends &#8220;{{ purpose }}&#8221; to {{ audience or "people" }}
{%- if agreed %} who agreed to receive it{% endif %}.
{%- if consented_on or source %}<br>
{{ "Your consent" if agreed else "Your address" }}: recorded
{%- if consented_on %} on {{ consented_on }}{% endif %}
{%- if source %} ({{ link(source, source_href) }}){% endif %}
{%- endif %}</p>
"""
    + _ROW
    + """<a href="{{ unsubscribe_url }}"
>Stop these emails</a> at any time, without logging in.</p>
"""
    + _ROW
    + """Sent by: {{ sender }}<br>
Postal address: {{ postal_address }}<br>
Questions and complaints: {{ link(contact, contact_href) }}<br>
Privacy policy: {{ link(privacy_policy, privacy_policy_href) }}</p>
</div>
"""
)

_HTML_JA: Final = (
    _LINK
    + _HTML_HEAD
    + _ROW
    + """
{%- if agreed -%}
このメールは、「{{ purpose }}」の受信に同意された{{ audience or "方" }}へ、{{ sender }}がお送りしています。
{%- else -%}
このメールは、{{ audience or "皆さま" }}へのご案内「{{ purpose }}」として、{{ sender }}がお送りしています。
{%- endif %}
{%- if consented_on or source %}<br>
{{ "ご同意の記録" if agreed else "アドレスの登録" }}：
{%- if consented_on %}{{ consented_on }}{% endif %}
{%- if consented_on and source %}、{% endif %}
{%- if source %}{{ link(source, source_href) }} にて{% endif %}
{%- endif %}</p>
"""
    + _ROW
    + """今後このメールがご不要な場合は、<a href="{{ unsubscribe_url }}"
>配信停止のページ</a>からいつでも停止できます（ログインは不要です）。</p>
"""
    + _ROW
    + """送信者：{{ sender }}<br>
住所：{{ postal_address }}<br>
お問い合わせ・苦情の受付：{{ link(contact, contact_href) }}<br>
プライバシーポリシー：{{ link(privacy_policy, privacy_policy_href) }}</p>
</div>
"""
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's templates. months: for dates in words, "" where the language counts them."""

    plain: str
    html: str
    date: str
    months: tuple[str, ...] = ()


WORDINGS: Final = {
    "en": Wording(
        _PLAIN_EN,
        _HTML_EN,
        "{day} {month} {year}",
        (
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
    ),
    "ja": Wording(_PLAIN_JA, _HTML_JA, "{year}年{month}月{day}日"),
}
