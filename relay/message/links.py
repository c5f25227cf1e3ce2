"""What may be written as a link: web addresses and mail addresses of printable ASCII that fit into one line of mail.

Narrow on purpose: what is no link here is shown as words. Never javascript:, data: or anything without a scheme.
"""

from __future__ import annotations

import re
from typing import Final

#: Octets of a URL, so that a header line holds it with the field's name.
MAX_URL: Final = 900
URL: Final = re.compile(rf"https?://[!-;=?-~]{{1,{MAX_URL}}}")
MAIL: Final = re.compile(r"[A-Za-z0-9.!#$&*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
