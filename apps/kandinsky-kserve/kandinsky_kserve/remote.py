"""Has a kandinsky-server draw: this process then holds no model."""
from __future__ import annotations

import base64
from typing import Any, Optional

import httpx

from .backend import Drawn
from .failure import Failure
from .params import Params


class RemoteBackend:
    """`url`: "http://127.0.0.1:8080"; `name`: of the model there; `token`: its bearer token, if it wants one."""

    def __init__(self, url: str, *, name: str = "kandinsky", token: Optional[str] = None, timeout: float = 300) -> None:
        self._url = f"{url.rstrip('/')}/v1/models/{name}"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._timeout = timeout
        self._client: Optional[httpx.AsyncClient] = None  # belongs to the loop that serves

    def load(self) -> None:
        """Nothing: ready() asks the server."""

    async def ready(self) -> bool:
        try:
            return (await self._http().get(self._url, timeout=5)).status_code == 200
        except httpx.HTTPError:
            return False

    async def draw(self, query: str, params: Params) -> list[Drawn]:
        body = {"instances": [{"query": query, "params": _json(params)}]}
        try:
            response = await self._http().post(f"{self._url}:predict", json=body)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Failure(503, f"kandinsky-server does not answer: {error or type(error).__name__}", 1) from None
        if response.status_code != 200:
            retry = response.headers.get("Retry-After", "")
            raise Failure(response.status_code, str(answer.get("error", answer)), int(retry) if retry.isdigit() else None)
        scores = answer["clip_scores"] or [None] * len(answer["images"])
        return [Drawn(base64.b64decode(image), score, ppl, seed, number) for image, score, ppl, seed, number in
                zip(answer["images"], scores, answer["ppl"], answer["seeds"], answer["numbers"])]

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(headers=self._headers, timeout=self._timeout + 5)
        return self._client


def _json(params: Params) -> dict[str, Any]:
    values = {name: value for name, value in vars(params).items() if value is not None}
    prompt = values.pop("image_prompt", None)
    if prompt is not None:
        fields = dict(vars(prompt))
        values["image_prompt"] = {"image": base64.b64encode(fields.pop("file")).decode("ascii"), **fields}
    return {**values, "details": True}
