from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import PIL.Image

from .._image import ImageLike
from .._real_esrgan import RealEsrgan
from ..errors import InvalidArgumentError
from . import _weights


class _Model(NamedTuple):
    scale: int
    filename: str


MODELS = {name: _Model(int(name[1:]), f"RealESRGAN_{name}.pth") for name in ("x2", "x4", "x8")}


def get_realesrgan(name: str, device: Any = "cpu", fp16: bool = False, cache_dir: Optional[Any] = None) -> RealESRGAN:
    """`name`: "x2", "x4" or "x8". The file is cache_dir/NAME/RealESRGAN_NAME.pth."""
    if name not in MODELS:
        raise InvalidArgumentError(f"name: is {name!r}, expected {', '.join(MODELS)}", "name")
    path = _weights.find(f"Real-ESRGAN {name}", cache_dir, [f"{name}/{MODELS[name].filename}"])
    model = RealESRGAN(device, MODELS[name].scale, fp16)
    model.load_weights(path)
    return model


class RealESRGAN(_weights.Module):
    def __init__(self, device: Any, scale: int = 4, fp16: bool = False) -> None:
        self.device = _weights.device_name(device)
        self.scale = scale
        self.fp16 = fp16
        self.model: Optional[RealEsrgan] = None

    def load_weights(self, model_path: Any) -> None:
        self._path = model_path
        self._load(self.device)

    def _load(self, device: str) -> None:
        # Half precision is a GPU's: on the CPU it would only lose digits.
        self.model = RealEsrgan(self._path, device=device, dtype="fp16" if self.fp16 and device != "cpu" else "fp32")
        if self.model.scale != self.scale:
            raise InvalidArgumentError(f"{self._path}: enlarges {self.model.scale} times, expected {self.scale}",
                                       str(self._path))

    def predict(self, lr_image: ImageLike, batch_size: int = 4, patches_size: int = 192, padding: int = 24,
                pad_size: int = 15) -> PIL.Image.Image:
        if self.model is None:
            raise ValueError("load_weights() comes before predict()")
        if isinstance(lr_image, PIL.Image.Image):
            lr_image = np.array(lr_image.convert("RGB"))
        return self.model.upscale(lr_image, tile=patches_size, padding=padding, mirror=pad_size, batch=batch_size,
                                  reference=True)
