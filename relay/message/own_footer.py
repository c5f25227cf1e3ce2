"""The marks around a footer of ours, and the footers that this relay wrote into a message before.

A second pass over a message, or a forwarded copy of one, must not end with two footers, and the old one's link belongs
to somebody else: it is taken out. What somebody quoted is theirs and stays.
"""

from __future__ import annotations

from typing import Final

#: Stands alone on the line before a plain footer and on the line after it.
PLAIN_RULE: Final = "_" * 40
#: Stand around an HTML footer.
HTML_BEGIN: Final = "<!--consent-relay:footer-->"
HTML_END: Final = "<!--/consent-relay:footer-->"
