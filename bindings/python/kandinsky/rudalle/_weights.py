"""Where weights lie. The original downloads them; here they must be there."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional, Sequence

from ..errors import NotFoundError, UnsupportedError


def find(what: str, cache_dir: Optional[Any], candidates: Sequence[str], default: str = "/tmp/rudalle") -> Path:
    """The first of the candidates (may hold *) in `cache_dir`, $KANDINSKY_MODELS or `default`."""
    given = cache_dir or os.environ.get("KANDINSKY_MODELS")
    folder = Path(given or default)
    for candidate in candidates:
        found = sorted(folder.glob(candidate))
        if len(found) == 1 or (found and "*" not in candidate):
            return found[0]
    hint = "" if given else " Name your weights directory: cache_dir=..., or the environment variable KANDINSKY_MODELS."
    raise NotFoundError(f"{folder}: has no {what}, expected {' or '.join(candidates)}. Nothing is downloaded.{hint}",
                        str(folder))


def need_pretrained(pretrained: bool) -> None:
    if not pretrained:
        raise UnsupportedError("pretrained: is False, but models here cannot be trained from scratch", "pretrained")


def device_name(device: Any) -> str:
    """'cuda', 'cuda:1', or a torch.device."""
    return str(device)


class Module:
    """What scripts call on a torch.nn.Module before they use it."""

    device = "cpu"

    def _load(self, device: str) -> None:
        raise NotImplementedError

    def to(self, device: Any) -> Any:
        """Loads the model again if it is on another device."""
        name = device_name(device)
        if name != self.device:
            self._load(name)
            self.device = name
        return self

    def cuda(self) -> Any:
        return self.to("cuda")

    def cpu(self) -> Any:
        return self.to("cpu")

    def eval(self) -> Any:
        return self
