"""What draws."""
from __future__ import annotations

import dataclasses
from typing import Optional, Protocol

from .params import Params


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A kept picture: the bytes of a file, and what is known of it."""

    file: bytes
    clip_score: Optional[float]
    ppl: float
    seed: int
    number: int


class Backend(Protocol):
    """`draw` may be called by several requests at once. Raises Failure."""

    def load(self) -> None: ...

    async def draw(self, query: str, params: Params) -> list[Drawn]:
        """Kept pictures, best first."""
        ...

    async def ready(self) -> bool: ...
