"""What the pages behind a link have in common: the token is opened, and the answer is a page in the reader's language.

Looks at nothing but the request, the keys and the policies: it takes the same time whoever the recipient is. Whether
anything is done, each page knows for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay.policy.model import Policies, Stream
from relay.tokens import Claims, Purpose, TokenKeys, is_well_formed, unseal
from relay.web.body import read_body
from relay.web.language import DEFAULT, preferred

_RETRY_AFTER: Final = {"retry-after": "120"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that somebody follows. claims: None where it does not open. stream: None where no policy has it (any more).
    language: of the page. body: of a POST, None for GET and HEAD, which change nothing.
    """

    token: str
    claims: Claims | None
    stream: Stream | None
    language: str
    body: bytes | None


async def open_link(request: Request, purpose: Purpose, keys: TokenKeys, policies: Callable[[], Policies]) -> Opened:
    """Raises HTTPException: 404 for what cannot be a token, 408 and 413 for a body (`read_body`)."""
    token = request.path_params["token"]
    if not is_well_formed(token):
        raise HTTPException(404)
    claims = unseal(keys, purpose, token)
    stream = None if claims is None else policies().by_id.get(claims.stream)
    language = language_for(request, DEFAULT if stream is None else stream.message.language)
    return Opened(token, claims, stream, language, await read_body(request) if request.method == "POST" else None)


def language_for(request: Request, default: str = DEFAULT) -> str:
    return preferred(request.headers.get("accept-language", ""), default)


def known_key(keys: TokenKeys, token: str) -> str:
    """For the log, of a link that does not open: the operator has to know of a key that was lost."""
    return "known" if keys.knows_key_of(token) else "unknown"


def page_response(page: str, language: str, status: int = 200) -> Response:
    """503 says when to come again."""
    headers = {"content-language": language, **(_RETRY_AFTER if status == 503 else {})}
    return HTMLResponse(page, status, headers)
