"""Reading a request's body within bounds of size and time. Never looks at what it says."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

#: Octets. A one-click request has some 30, or 200 as multipart/form-data.
LONGEST: Final = 16_384
#: Seconds for the whole body.
PATIENCE: Final = 10.0

#: What is left of an unread body must not be taken for the next request.
_CLOSE: Final = {"connection": "close"}


async def read_body(request: Request, *, longest: int = LONGEST, patience: float = PATIENCE) -> bytes:
    """The body; what had arrived of it when the client went away. Raises HTTPException: 413 too long, 408 too slow."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > longest:
        raise HTTPException(413, headers=_CLOSE)
    body = bytearray()
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > longest:
                    raise HTTPException(413, headers=_CLOSE)
    except TimeoutError:
        raise HTTPException(408, headers=_CLOSE) from None
    except ClientDisconnect:
        pass
    return bytes(body)
