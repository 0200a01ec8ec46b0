from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .._arrays import Ids, ids
from .._vqgan import VqganDecoder
from ..errors import InvalidArgumentError
from . import _weights


def get_vae(pretrained: bool = True, dwt: bool = False, cache_dir: Optional[Any] = None) -> VQGanGumbelVAE:
    """The file is cache_dir/vae/vqgan.gumbelf8-sber.model.ckpt (or, with `dwt`, ...-sber-dwt.model.ckpt); else the only
    .ckpt there."""
    _weights.need_pretrained(pretrained)
    candidates = (["vae/vqgan.gumbelf8-sber-dwt.model.ckpt"] if dwt
                  else ["vae/vqgan.gumbelf8-sber.model.ckpt", "vae/*.ckpt"])
    return VQGanGumbelVAE(_weights.find("VQGAN", cache_dir, candidates), dwt)


class VQGanGumbelVAE(_weights.Module):
    def __init__(self, path: Any, dwt: bool = False) -> None:
        self._path, self.dwt = path, dwt
        self._load(self.device)
        self.num_tokens = self.vqgan.codebook_size

    def _load(self, device: str) -> None:
        self.vqgan = VqganDecoder(self._path, device=device, dtype="fp32")

    @property
    def patch(self) -> int:
        """Pixels a token where pictures are encoded: the wavelet variant decodes to twice the size."""
        return self.vqgan.downsampling // 2 if self.dwt else self.vqgan.downsampling

    def decode_to_pil(self, img_seq: Any) -> list[Any]:
        """Pillow images of ids (batch, n), n a square."""
        sequence = ids("img_seq", img_seq)
        side = int(round(sequence.shape[-1] ** 0.5)) if sequence.ndim == 2 else 0
        if side == 0 or side * side != sequence.shape[-1]:
            raise InvalidArgumentError(f"img_seq: has shape {sequence.shape}, expected (batch, n) with n a square", "img_seq")
        return self.vqgan.decode(sequence.reshape(-1, side, side))

    def decode(self, img_seq: Any) -> npt.NDArray[np.float32]:
        """Of ids (batch, n): (batch, 3, height, width), 0..1."""
        pictures = np.stack([np.asarray(picture) for picture in self.decode_to_pil(img_seq)])
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / np.float32(255)

    def get_codebook_indices(self, img: Any) -> Ids:
        """Of pictures (batch, 3, height, width), 0..1: ids (batch, n)."""
        pictures = np.asarray(img, np.float32)
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise InvalidArgumentError(f"img: has shape {pictures.shape}, expected (batch, 3, height, width)", "img")
        if pictures.size and not (0 <= float(pictures.min()) and float(pictures.max()) <= 1):
            raise InvalidArgumentError("img: holds values outside of 0..1", "img")
        bytes_ = np.rint(pictures * 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return np.stack([self.vqgan.encode(picture).reshape(-1) for picture in bytes_])
