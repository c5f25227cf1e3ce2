"""Writes NAME.in.eml beside this file: `python tests/golden/make.py`. What comes out is `WRITE_GOLDEN=1 pytest`'s.

The .eml files are what counts; this says in readable words what they are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from golden import single_parts, structures, templates  # noqa: E402

MESSAGES: Final = {
    **single_parts.CHARSETS,
    **single_parts.HTML,
    **single_parts.ENCODINGS,
    **templates.PLACEHOLDERS,
    **templates.OWN_FOOTERS,
    **structures.STRUCTURES,
    **structures.SEALED,
    **structures.HEADERS,
    **structures.BROKEN,
}

if __name__ == "__main__":
    for name, content in MESSAGES.items():
        (HERE / f"{name}.in.eml").write_bytes(content)
