"""Draws in this process, through the Python binding."""
from __future__ import annotations

import asyncio
import io
from typing import Any, Optional

from .backend import Drawn
from .failure import Failure
from .params import Params


class LocalBackend:
    """`options` go to kandinsky.Pipeline (device, dtype, threads ...). One request draws at a time, with all its pictures
    in one batch; `queue` more may wait. The native server is the one that draws requests together."""

    def __init__(self, directory: str, *, queue: int = 64, batch: int = 8, timeout: float = 300, **options: Any) -> None:
        self._directory = directory
        self._options = options
        self._queue = queue
        self._batch = batch
        self._timeout = timeout
        self._waiting = 0
        self._pipeline: Any = None
        self._turn: Optional[asyncio.Lock] = None  # belongs to the loop that serves

    def load(self) -> None:
        import kandinsky

        self._kandinsky = kandinsky
        self._pipeline = kandinsky.Pipeline(self._directory, **self._options)

    async def ready(self) -> bool:
        return self._pipeline is not None

    async def draw(self, query: str, params: Params) -> list[Drawn]:
        if self._turn is None:
            self._turn = asyncio.Lock()
        if self._waiting > self._queue:
            raise Failure(429, f"the queue is full: {self._queue} requests wait", retry_after=1)
        timeout = min(params.timeout or self._timeout, self._timeout)
        cancel = self._kandinsky.Cancel()
        self._waiting += 1
        try:
            return await asyncio.wait_for(self._draw(query, params, cancel), timeout)
        except asyncio.TimeoutError:
            raise Failure(504, f"the deadline of {timeout:g} s passed") from None
        except self._kandinsky.InvalidArgumentError as error:
            raise Failure(400, str(error)) from None
        finally:
            self._waiting -= 1

    async def _draw(self, query: str, params: Params, cancel: Any) -> list[Drawn]:
        async with self._turn:  # type: ignore[union-attr]
            work = asyncio.ensure_future(asyncio.to_thread(self._generate, query, params, cancel))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:  # too late, or the client is gone: the next request waits for the last token
                cancel.trigger()
                await asyncio.wait([work])
                work.exception()
                raise

    def _generate(self, query: str, params: Params, cancel: Any) -> list[Drawn]:
        given = params.image_prompt
        prompt = None
        if given is not None:
            try:
                image = self._kandinsky.Image.decode(given.file)
            except self._kandinsky.Error as error:
                raise Failure(400, f"image_prompt.image: {error}") from None
            prompt = self._kandinsky.ImagePrompt(image, up=given.up, down=given.down, left=given.left, right=given.right,
                                                 crop_first=given.crop_first)
        pictures = self._pipeline.generate(
            query, images=params.images_to_gen, pick=params.images_to_cherry_pick, top_k=params.top_k, top_p=params.top_p,
            temperature=params.temperature, seed=params.seed, batch=self._batch, super_resolution=params.super_res,
            image_prompt=prompt, cancel=cancel)
        return [Drawn(_encoded(picture.image, params), picture.clip_score, picture.ppl, picture.seed, picture.number)
                for picture in pictures]


def _encoded(image: Any, params: Params) -> bytes:
    file = io.BytesIO()
    if params.format == "png":
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", quality=params.quality)
    return file.getvalue()
