"""Golden messages of several parts, sealed ones, header fields of every kind, and what is broken in the wild."""

from __future__ import annotations

from typing import Final

from golden.pieces import (
    CALENDAR,
    ENGLISH,
    HTML_PART,
    INLINE_PDF,
    JAPANESE,
    JAPANESE_PAGE,
    LOGO,
    PAGE,
    PDF,
    PGP_SIGNATURE,
    PICTURE,
    PLAIN_PART,
    PRICES,
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
_JA_PLAIN: Final = part(
    typed("text/plain", "utf-8", "quoted-printable"), quoted(in_charset(JAPANESE, "utf-8")).rstrip(b"\r\n")
)
_JA_HTML: Final = part(typed("text/html", "utf-8", "quoted-printable"), quoted(in_charset(JAPANESE_PAGE, "utf-8")))
_BODY: Final = in_charset(ENGLISH, "ascii")
_PREAMBLE: Final = b"This is a multi-part message in MIME format.\r\n"


def _page_part(text: str) -> bytes:
    return part(typed("text/html", "us-ascii", "7bit"), f"<html><body>{text}</body></html>".encode())


_FORWARDED: Final = part(
    b"Content-Type: message/rfc822\r\n", head("Old tea") + typed("text/plain", "utf-8", "7bit") + b"\r\nOld tea.\r\n"
)
_AMP: Final = part(
    typed("text/x-amp-html", "utf-8", "7bit"),
    crlf('<!doctype html>\n<html amp4email>\n<head><meta charset="utf-8"></head>\n<body>Tea.</body>\n</html>').encode(),
)
_WITH_AMP: Final = whole(multi("alternative", "=_alt", PLAIN_PART, _AMP, HTML_PART))
_ENRICHED: Final = part(typed("text/enriched", "us-ascii", "7bit"), b"New <bold>tea</bold> has arrived.")
_INVITATION: Final = part(
    b"Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n", CALENDAR
)
_ICS: Final = part(
    b'Content-Type: application/ics; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"\r\n'
    b"Content-Transfer-Encoding: base64\r\n",
    base64(CALENDAR).rstrip(b"\r\n"),
)
_SIGNED: Final = multi(
    "signed",
    "=_sig",
    PLAIN_PART,
    PGP_SIGNATURE,
    more='; micalg=pgp-sha256;\n protocol="application/pgp-signature"',
    preamble=_PREAMBLE,
)
_SMIME: Final = multi(
    "signed",
    "=_sig",
    PLAIN_PART,
    part(typed('application/pkcs7-signature; name="smime.p7s"', "", "base64"), PICTURE),
    more='; micalg=sha-256;\n protocol="application/pkcs7-signature"',
)
_ENVELOPED: Final = message(
    typed('application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"', "", "base64"), PICTURE + b"\r\n"
)
_ENCRYPTED: Final = whole(
    multi(
        "encrypted",
        "=_enc",
        part(b"Content-Type: application/pgp-encrypted\r\n", b"Version: 1"),
        part(
            b"Content-Type: application/octet-stream\r\n",
            b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----",
        ),
        more=';\n protocol="application/pgp-encrypted"',
    )
)
_INLINE_PGP: Final = message(
    typed("text/plain", "us-ascii", "7bit"),
    b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nnew tea\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n"
    b"-----END PGP SIGNATURE-----\r\n",
)
_REPORT: Final = whole(
    multi(
        "report",
        "=_rep",
        part(typed("text/plain", "us-ascii", "7bit"), b"It could not be delivered."),
        part(
            b"Content-Type: message/delivery-status\r\n",
            b"Reporting-MTA: dns; mx.example.jp\r\n\r\nFinal-Recipient: rfc822; hanako@example.jp\r\nAction: failed\r\nStatus: 5.1.1",
        ),
        more="; report-type=delivery-status",
    )
)
_DIGEST: Final = multi(
    "digest", "=_dig", part(b"", b"Subject: one\r\n\r\nTea one.\r\n"), part(b"", b"Subject: two\r\n\r\nTea two.\r\n")
)

STRUCTURES: Final = {
    "ja-alternative-utf-8-quoted-printable": whole(multi("alternative", "=_alt", _JA_PLAIN, _JA_HTML, preamble=_PREAMBLE), start=_JA),
    "en-alternative-of-two-charsets": whole(
        multi(
            "alternative", "=_alt",
            part(typed("text/plain", "iso-8859-1", "quoted-printable"), b"th=E9"),
            part(typed("text/html", "utf-8", "base64"), base64("<p>thé</p>".encode()).rstrip(b"\r\n")),
        )
    ),
    "ja-alternative-without-plain-text": whole(multi("alternative", "=_alt", _JA_HTML), start=_JA),
    "ja-related-html-with-logo": whole(multi("related", "=_rel", _JA_HTML, LOGO), start=_JA),
    "en-related-with-start": whole(
        multi("related", "=_rel", LOGO, HTML_PART.replace(b"\r\n\r\n", b"\r\nContent-ID: <page>\r\n\r\n", 1), more='; start="<page>"')
    ),
    "ja-mixed-with-alternative-related-and-attachments": whole(
        multi(
            "mixed", "=_mix",
            multi("alternative", "=_alt", part(typed("text/plain", "utf-8", "base64"), base64(in_charset(JAPANESE, "utf-8")).rstrip(b"\r\n")),
                  multi("related", "=_rel", part(typed("text/html", "utf-8", "8bit"), in_charset(JAPANESE_PAGE, "utf-8")), LOGO)),
            PDF, PRICES, preamble=_PREAMBLE,
        ),
        start=_JA,
    ),
    "en-mixed-nested-four-deep": whole(
        multi("mixed", "a", multi("mixed", "a-b", multi("related", "a-b-c", multi("alternative", "a-b-c-d", PLAIN_PART, HTML_PART), LOGO)), PDF)
    ),
    "en-mixed-text-picture-text": whole(
        multi("mixed", "Apple-Mail=_1", _page_part("Before the picture."), INLINE_PDF, _page_part("<br>After the picture."))
    ),
    "en-mixed-plain-picture-plain": whole(
        multi("mixed", "Apple-Mail=_1", PLAIN_PART, INLINE_PDF, part(typed("text/plain", "us-ascii", "7bit"), b"\r\nSent from my tea pot"))
    ),
    "en-alternative-with-a-mixed-branch": whole(
        multi("alternative", "=_alt", PLAIN_PART, multi("mixed", "=_mix", _page_part("Before."), INLINE_PDF, _page_part("After.")))
    ),
    "en-mixed-with-an-attached-page": whole(
        multi("mixed", "=_mix", PLAIN_PART, part(typed('text/html; name="offer.html"', "utf-8", "7bit"), b"<html><body>Offer</body></html>"))
    ),
    "en-mixed-text-behind-a-picture": whole(multi("mixed", "=_mix", LOGO, PLAIN_PART)),
    "en-alternative-with-enriched-text": whole(multi("alternative", "=_alt", PLAIN_PART, _ENRICHED)),
    "en-reject-enriched-text-alone": message(typed("text/enriched", "us-ascii", "7bit"), b"New <bold>tea</bold>.\r\n"),
    "en-amp-keep": _WITH_AMP,
    "en-amp-drop": _WITH_AMP,
    "en-amp-undisclosable-reject": _WITH_AMP,
    "en-calendar-invitation": whole(
        multi("mixed", "=_mix", multi("alternative", "=_alt", PLAIN_PART, HTML_PART, _INVITATION), _ICS)
    ),
    "en-calendar-alternative": whole(multi("alternative", "=_alt", PLAIN_PART, _INVITATION)),
    "en-reject-calendar-alone": message(
        b"Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n", CALENDAR + b"\r\n"
    ),
    "en-forwarded-message": whole(multi("mixed", "=_mix", PLAIN_PART, _FORWARDED)),
    "en-forwarded-message-alone": message(b"Content-Type: message/rfc822\r\n", head("Old tea") + b"\r\nOld tea.\r\n"),
    "en-forwarded-as-named-file": whole(
        multi("mixed", "=_mix", PLAIN_PART, _FORWARDED.replace(b"rfc822\r\n", b'rfc822; name="a.eml"\r\nContent-Disposition: attachment\r\n'))
    ),
    "en-digest-behind-text": whole(multi("mixed", "=_mix", PLAIN_PART, _DIGEST)),
    "en-digest-alone": whole(_DIGEST),
    "en-attachment-alone": message(PDF.partition(b"\r\n\r\n")[0] + b"\r\n", PDF.partition(b"\r\n\r\n")[2] + b"\r\n"),
    "ja-attachments-alone": whole(multi("mixed", "=_mix", PDF, PRICES, preamble=_PREAMBLE), start=_JA),
    "en-attachment-alone-picture-inline": message(typed("image/png", "", "base64"), PICTURE + b"\r\n"),
    "en-attachment-alone-in-related": whole(multi("related", "=_rel", PDF)),
    "en-empty-mixed": whole(multi("mixed", "=_mix", b"")),
}  # fmt: skip

SEALED: Final = {
    "en-reject-signed": whole(_SIGNED),
    "en-wrap-signed": whole(_SIGNED),
    "ja-wrap-signed": whole(_SIGNED),
    "en-headers-only-signed": whole(_SIGNED),
    "en-reject-signed-in-mixed": whole(multi("mixed", "=_mix", _SIGNED, PDF)),
    "en-wrap-signed-in-mixed": whole(multi("mixed", "=_mix", _SIGNED, PDF)),
    "en-reject-smime-signed": whole(_SMIME),
    "en-wrap-smime-signed": whole(_SMIME),
    "en-reject-smime-encrypted": _ENVELOPED,
    "ja-wrap-smime-encrypted": _ENVELOPED,
    "en-headers-only-smime-encrypted": _ENVELOPED,
    "en-reject-pgp-encrypted": _ENCRYPTED,
    "en-wrap-pgp-encrypted": _ENCRYPTED,
    "en-reject-inline-pgp": _INLINE_PGP,
    "ja-wrap-inline-pgp": _INLINE_PGP,
    "en-reject-report": _REPORT,
    "en-wrap-report": _REPORT,
    "en-headers-only-report": _REPORT,
}

_OLD_LISTS: Final = (
    "List-Unsubscribe: <https://old.brand.example/u?x=1>,\n <mailto:leave@old.brand.example>\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nList-ID: Old <old.brand.example>\n"
    "List-Unsubscribe: <mailto:twice@old.brand.example>\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
)
_DKIM: Final = (
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=brand.example; s=old;\n h=from:subject; bh=x; b=x\n"
)


def _simple(more: str = "", *, mime: bool = False) -> bytes:
    return head("New tea", mime=mime, more=more) + b"\r\n" + _BODY


HEADERS: Final = {
    "en-existing-list-fields": _simple(_OLD_LISTS),
    "en-existing-keep": _simple(_OLD_LISTS),
    "en-existing-combine": _simple(_OLD_LISTS),
    "en-existing-keep-none-there": _simple(),
    "en-existing-encoded": _simple("List-Unsubscribe: =?utf-8?q?=3Chttps=3A//old=2Ebrand=2Eexample/u=3E?=\n"),
    "en-old-signature": _simple(_DKIM),
    "en-signatures-keep": _simple(_DKIM),
    "en-headers-only-old-signature": head(more=_DKIM) + _SIGNED,
    "en-extra-fields": _simple(),
    "en-extra-fields-of-the-mailers": _simple("Precedence: list\nFeedback-ID: a:b:c:d\nAuto-Submitted: auto-generated\n"),
    "en-auto-reply": _simple("Auto-Submitted: auto-replied\nIn-Reply-To: <1@example.jp>\n"),
    "en-eight-bit-fields": head("th\u00e9").replace("\u00e9".encode(), b"\xe9") + typed("text/plain", "utf-8", "7bit") + b"\r\n" + _BODY,
    "en-utf-8-fields": head("新しいお茶", more="X-Name: 花子\n") + typed("text/plain", "utf-8", "8bit") + b"\r\n" + _BODY,
    "en-folded-and-odd-fields": _simple("X-Folded: one\n\ttwo\n   three  \nX-Odd : colon\nX-Empty:\nX-Long: " + "x" * 1200 + "\n"),
    "en-mbox-line": b"From news@news.brand.example Sat Jun  1 00:00:00 2024\r\n" + head() + typed("text/plain", "utf-8", "7bit") + b"\r\n" + _BODY,
    "en-transactional": crlf(
        "From: Brand <orders@brand.example>\nTo: hanako@example.jp\nSubject: Your order\nX-Consent-Stream: receipts\n"
        "List-Unsubscribe: <mailto:leave@brand.example>\nBcc: archive@brand.example\nMIME-Version: 1.0\n"
    ).encode() + typed("text/plain", "utf-8", "8bit") + b"\r\n" + in_charset(JAPANESE, "utf-8"),
    "ja-content-language": message(typed("text/plain", "us-ascii", "7bit", "Content-Language: en\n"), _BODY),
}  # fmt: skip

_ALTERNATIVE: Final = multi("alternative", "=_alt", PLAIN_PART, HTML_PART, closed=False)

BROKEN: Final = {
    "en-broken-alternative-without-end": whole(_ALTERNATIVE + b"\r\n"),
    "en-broken-mixed-without-end": whole(multi("mixed", "=_mix", PLAIN_PART, PDF, closed=False) + b"\r\n"),
    "en-broken-inner-without-end": whole(multi("mixed", "=_mix", _ALTERNATIVE, PDF)),
    "en-broken-no-part-ends": whole(multi("mixed", "=_mix", _ALTERNATIVE, closed=False) + b"\r\n"),
    "en-broken-multipart-without-mime-version": whole(multi("alternative", "=_alt", PLAIN_PART, HTML_PART), start=head(mime=False)),
    "en-broken-reject-multipart-without-boundary": message(b"Content-Type: multipart/mixed\r\n", _BODY),
    "en-broken-delimiters-with-spaces": whole(
        multi("alternative", "=_alt", PLAIN_PART, HTML_PART).replace(b"--=_alt\r\n", b"--=_alt \t\r\n")
    ),
    "en-broken-boundary-of-one-is-the-start-of-another": whole(
        multi("mixed", "b", multi("alternative", "bb", PLAIN_PART, HTML_PART), PDF)
    ),
    "en-broken-text-behind-the-end": whole(multi("alternative", "=_alt", PLAIN_PART, HTML_PART) + b"\r\nscanned: no virus\r\n"),
    "en-broken-reject-two-content-types": message(typed("text/plain", "utf-8") + typed("text/html", "utf-8"), _BODY),
    "en-broken-reject-malformed-content-type": message(b'Content-Type: text/plain; charset="utf-8\r\n', _BODY),
    "en-broken-reject-header-without-an-end": head() + b"this is no field\r\n\r\n" + _BODY,
    "en-broken-7bit-that-is-8bit": message(typed("text/plain", "utf-8", "7bit"), in_charset("thé\n", "utf-8")),
    "en-broken-parts-of-no-lines": whole(multi("mixed", "=_mix", b"", PLAIN_PART, b"")),
    "en-broken-encoded-multipart": whole(
        multi("alternative", "=_alt", PLAIN_PART, HTML_PART).replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1)
    ),
    "en-broken-bare-line-ends": message(typed("text/html", "utf-8", "7bit"), PAGE.encode().replace(b"</p>\n", b"</p>\r\n")),
}  # fmt: skip
