from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from .._arrays import Ids
from .vae import VQGanGumbelVAE


class ImagePrompts:
    """Borders of a picture that generate_images keeps."""

    def __init__(self, pil_image: Any, borders: Mapping[str, int], vae: VQGanGumbelVAE, device: Any = "cpu",
                 crop_first: bool = False) -> None:
        """`borders`: {'up': 4, 'right': 0, 'left': 0, 'down': 0}, in tokens of 8 pixels. `crop_first`: crop the borders
        before they are encoded."""
        self.device = device
        pixels = np.asarray(pil_image.convert("RGB"))
        self.image_prompts_idx, self.image_prompts = self._get_image_prompts(pixels, borders, vae, crop_first)

    @staticmethod
    def _get_image_prompts(pixels: Any, borders: Mapping[str, int], vae: VQGanGumbelVAE,
                           crop_first: bool) -> tuple[set[int], Ids]:
        rows, columns = pixels.shape[0] // vae.patch, pixels.shape[1] // vae.patch
        up, down, left, right = (int(borders[side]) for side in ("up", "down", "left", "right"))
        # Where they meet, later ones win: the original's order.
        strips = [(slice(rows - down, rows), slice(None)), (slice(None), slice(columns - right, columns)),
                  (slice(None), slice(0, left)), (slice(0, up), slice(None))]
        strips = [strip for strip, width in zip(strips, (down, right, left, up)) if width]
        ids = np.zeros((rows, columns), np.int32)
        kept = np.zeros((rows, columns), bool)
        if not crop_first:
            ids = vae.vqgan.encode(pixels)
        for strip in strips:
            if crop_first:
                ids[strip] = vae.vqgan.encode(pixels[_times(strip[0], vae.patch), _times(strip[1], vae.patch)])
            kept[strip] = True
        return set(np.flatnonzero(kept).tolist()), ids.reshape(1, -1)


def _times(part: slice, size: int) -> slice:
    return part if part.start is None else slice(part.start * size, part.stop * size)
