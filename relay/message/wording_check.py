"""Can these words be used for a footer? Asked once, when a policy is loaded; says what is wrong, with the line."""

from __future__ import annotations

from jinja2 import TemplateError

from relay.message.template import compiled
from relay.message.wording import Wording


def checked(wording: Wording) -> str:
    """Why these templates cannot be used, "" when they can."""
    for name, source in (("plain", wording.plain), ("html", wording.html), ("why", wording.why)):
        try:
            compiled(source, html=name == "html")
        except TemplateError as error:
            return f"{name}: {error}"
    return ""
