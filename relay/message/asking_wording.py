"""The words of the mail that asks a person for a new yes, Japanese and English: templates as `footer_template` has them.

A request for consent is itself commercial mail (CASL, s. 1 (3)), so it says all that such mail has to say; who sends and
how to stop stands in the footer below, in the footer's own words. It asks, and praises nothing: whoever gets it may have
forgotten that they ever agreed. Never promises what the relay does not do: without a yes, nothing of the kind is sent.
"""

# ruff: noqa: RUF001 - Japanese is written with full-width punctuation
from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AskingWords:
    """One language's words. All are templates of these names, each one line of text, already escaped where it has to be:

    sender, purpose, consent_date, consent_source, language, direction: as in a footer. agreed: has the person said yes?
    reason: why they are asked, as `relay.reason` has it. confirm_url: of the page. days: how long its link works.
    """

    subject: str
    plain: str
    html: str


_SUBJECT_EN: Final = 'Do you still want "{{ purpose }}" from {{ sender }}?'
_SUBJECT_JA: Final = "「{{ purpose }}」を今後もお送りしてよろしいですか（{{ sender }}）"

_SINCE_EN: Final = """\
{% if agreed %}You agreed to receive it{% else %}Your address was recorded for it{% endif %}
{%- if consent_date %} on {{ consent_date }}{% endif %}
{%- if consent_source %} ({{ consent_source }}){% endif %}.
{%- if reason == "stale" %} We have not written to you for a long time, so we ask again before we send you any more.
{%- elif reason == "first-mail-late" %} We have not sent you any of it yet, so we ask again before we begin.
{%- elif reason == "confirmed" %} From time to time we ask whether this is still so.
{%- elif reason == "migration" %} We are renewing our records of who has agreed, so we ask you, too.
{%- else %} That was some time ago, so we ask again before we send you any more.
{%- endif %}"""
_NOTHING_EN: Final = """\
If you do not want it, there is nothing to do: without your yes,
{%- if reason == "confirmed" or reason == "migration" %} it will soon stop by itself.
{%- else %} you will get no more of it.{% endif %}"""

_SINCE_JA: Final = """\
{% if agreed %}
{%- if consent_date or consent_source %}
{%- if consent_date %}{{ consent_date }}{% if not consent_source %}に{% endif %}、{% endif %}
{%- if consent_source %}{{ consent_source }} にて、{% endif %}受信へのご同意をいただいております。
{%- else %}以前に、受信へのご同意をいただいております。{% endif %}
{%- else %}
{%- if consent_date or consent_source %}
{%- if consent_date %}{{ consent_date }}{% if not consent_source %}に{% endif %}、{% endif %}
{%- if consent_source %}{{ consent_source }} にて、{% endif %}メールアドレスをご登録いただいております。
{%- else %}以前に、メールアドレスをご登録いただいております。{% endif %}
{%- endif %}
{%- if reason == "stale" %}その後、長い間お送りしておりませんでしたので、配信を再開する前に、あらためてご意向をお伺いいたします。
{%- elif reason == "first-mail-late" %}その後、まだ一度もお送りしておりませんので、配信を始める前に、あらためてご意向をお伺いいたします。
{%- elif reason == "confirmed" %}引き続きご希望かどうか、折にふれてお伺いしております。
{%- elif reason == "migration" %}現在、ご同意の記録をあらためて確認しており、皆さまにご意向をお伺いしております。
{%- else %}その後、時間が経ちましたので、次にお送りする前に、あらためてご意向をお伺いいたします。
{%- endif %}"""
_NOTHING_JA: Final = """\
お手続きは必要ありません。お返事がない場合、
{%- if reason == "confirmed" or reason == "migration" %}「{{ purpose }}」の配信はまもなく終了いたします。
{%- else %}今後「{{ purpose }}」はお送りいたしません。{% endif %}"""

_PLAIN_EN: Final = f"""\
Hello,

{{{{ sender }}}} would like to know: do you still want to receive "{{{{ purpose }}}}"?

{_SINCE_EN}


If you want it, please say so on this page:
{{{{ confirm_url }}}}
There is a box to tick and a button to press; you do not have to log in. The link works for {{{{ days }}}} days.

{_NOTHING_EN}
To stop it at once, please use the link at the end of this email.
"""

_PLAIN_JA: Final = f"""\
{{{{ sender }}}}より、「{{{{ purpose }}}}」の配信についてのご確認です。
今後もお送りしてよろしいでしょうか。

{_SINCE_JA}


■ 今後も受け取りたい場合
次のページを開き、チェックを入れて、ボタンを押してください（ログインは不要です）。
{{{{ confirm_url }}}}
このリンクは、{{{{ days }}}}日間ご利用いただけます。

■ ご不要の場合
{_NOTHING_JA}
すぐに停止をご希望の場合は、このメールの末尾のリンクをご利用ください。
"""

# As in the footer, text and ground have the colours of the reader's own windows, and the button those of its text: so
# whatever a program makes of them, by day or in the dark, they differ.
_BEGIN: Final = (
    "<!doctype html>\n"
    '<html lang="{{ language }}" dir="{{ direction }}">\n'
    "<head>\n"
    '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="color-scheme" content="light dark">\n'
    '<meta name="supported-color-schemes" content="light dark">\n'
)
_BODY: Final = (
    "</head>\n"
    '<body style="margin:0;padding:8px;color:WindowText;background:Window">\n'
    '<div style="box-sizing:border-box;width:100%;max-width:600px;margin:0 auto;padding:12px 16px;'
    'color:WindowText;background:Window;font:16px/1.6 sans-serif;word-wrap:break-word;overflow-wrap:anywhere">\n'
)
_END: Final = "</div>\n{{ footer }}\n</body>\n</html>\n"
_P: Final = '<p style="margin:0 0 16px">'
_BUTTON: Final = (
    '<a href="{{ confirm_url }}" style="display:inline-block;padding:12px 24px;border:2px solid;border-radius:8px;'
    'color:inherit;font-weight:bold;text-decoration:none">'
)

_HTML_EN: Final = f"""\
{_BEGIN}<title>{_SUBJECT_EN}</title>
{_BODY}<p>Hello,</p>
<p>{{{{ sender }}}} would like to know: do you still want to receive <b>{{{{ purpose }}}}</b>?</p>
<p>{_SINCE_EN}</p>
<p>{_BUTTON}Yes, I still want it</a></p>
<p>The link opens a page with a box to tick and a button to press; you do not have to log in. It works for {{{{ days }}}} days.</p>
<p>{_NOTHING_EN}
To stop it at once, please use the link at the end of this email.</p>
{_END}""".replace("<p>", _P)

_HTML_JA: Final = f"""\
{_BEGIN}<title>{_SUBJECT_JA}</title>
{_BODY}<p>{{{{ sender }}}}より、「<b>{{{{ purpose }}}}</b>」の配信についてのご確認です。今後もお送りしてよろしいでしょうか。</p>
<p>{_SINCE_JA}</p>
<p>{_BUTTON}今後も受け取る</a></p>
<p>リンク先のページで、チェックを入れて、ボタンを押してください（ログインは不要です）。リンクは、{{{{ days }}}}日間ご利用いただけます。</p>
<p>ご不要の場合、{_NOTHING_JA}すぐに停止をご希望の場合は、このメールの末尾のリンクをご利用ください。</p>
{_END}""".replace("<p>", _P)

#: All there is, by language.
ASKING_WORDS: Final = {
    "en": AskingWords(_SUBJECT_EN, _PLAIN_EN, _HTML_EN),
    "ja": AskingWords(_SUBJECT_JA, _PLAIN_JA, _HTML_JA),
}
