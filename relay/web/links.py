"""What the pages behind a link have in common: the token is opened, and the answer is a page in the reader's language.

Looks at nothing but the request, the keys and the policies: it takes the same time whoever the recipient is. Whether
anything is done, each page knows for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay.policy.model import Policies, Stream
from relay.tokens import Claims, Purpose, TokenKeys, is_well_formed, seal, unseal
from relay.web.body import read_body
from relay.web.language import DEFAULT, preferred
from relay.web.pages import NOTHING, Pages, Subject

_RETRY_AFTER: Final = {"retry-after": "120"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that somebody follows. claims: None where it does not open. key: "known" or "unknown": an operator has to
    hear of a key that was lost. stream: None where no policy has it (any more). language: of the page. body: of a POST,
    None for GET and HEAD, which change nothing.
    """

    token: str
    claims: Claims | None
    key: str
    stream: Stream | None
    language: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Links:
    """policies: the set in force now."""

    policies: Callable[[], Policies]
    keys: TokenKeys
    pages: Pages

    async def open(self, request: Request, purpose: Purpose) -> Opened:
        """Raises HTTPException: 404 for what cannot be a token, 408 and 413 for a body (`read_body`)."""
        token = request.path_params["token"]
        if not is_well_formed(token):
            raise HTTPException(404)
        claims = unseal(self.keys, purpose, token)
        stream = None if claims is None else self.policies().by_id.get(claims.stream)
        return Opened(
            token=token,
            claims=claims,
            key="known" if self.keys.knows_key_of(token) else "unknown",
            stream=stream,
            language=language_for(request, DEFAULT if stream is None else stream.message.language),
            body=await read_body(request) if request.method == "POST" else None,
        )

    def to_stop(self, claims: Claims) -> str:
        """The path of the page that stops what another link is about."""
        return f"/u/{seal(self.keys, Purpose.UNSUBSCRIBE, claims)}"

    def answer(
        self, name: str, language: str, subject: Subject = NOTHING, *, status: int = 200, now: datetime | None = None
    ) -> Response:
        """The page of that name; 503 says when to come again. now: see `Pages.render`."""
        headers = {"content-language": language, **(_RETRY_AFTER if status == 503 else {})}
        return HTMLResponse(self.pages.render(name, language, subject, now), status, headers)


def language_for(request: Request, default: str = DEFAULT) -> str:
    return preferred(request.headers.get("accept-language", ""), default)
