"""What a request fails with, and how it is answered."""
from __future__ import annotations

import json
from typing import Iterable, Optional

from starlette.requests import Request
from starlette.responses import JSONResponse


class Failure(Exception):
    """`status` is HTTP's; the message goes to the client."""

    def __init__(self, status: int, message: str, retry_after: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


def bad(field: str, value: object, expected: str) -> Failure:
    text = repr(value)
    return Failure(400, f"{field}: {text if len(text) <= 80 else text[:77] + '...'} is not {expected}")


def known(where: str, given: Iterable[str], fields: Iterable[str]) -> None:
    fields = list(fields)
    for name in given:
        if name not in fields:
            raise Failure(400, f"{where}: unknown field {json.dumps(name, ensure_ascii=False)} (known are {', '.join(fields)})")


async def answer(request: Request, failure: Failure) -> JSONResponse:
    """V1 answers {"ok": false, "error"}, as the original service does; V2 answers {"error"}."""
    content: dict[str, object] = {"error": str(failure)}
    if request.url.path.startswith("/v1/"):
        content = {"ok": False, **content}
    headers = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
    return JSONResponse(content, status_code=failure.status, headers=headers)
