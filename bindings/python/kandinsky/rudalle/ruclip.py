"""The original's separate ruclip package: load() and Predictor."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

import numpy as np

from .._arrays import Floats, Ids
from .._image import ImageLike
from .._ruclip import RuClip
from .._tokenizer import Tokenizer
from ..errors import InvalidArgumentError
from . import _weights

MODELS = ("ruclip-vit-base-patch32-224", "ruclip-vit-base-patch16-224", "ruclip-vit-large-patch14-224",
          "ruclip-vit-large-patch14-336", "ruclip-vit-base-patch32-384", "ruclip-vit-base-patch16-384")


def load(name: str, device: Any = "cpu", cache_dir: Optional[Any] = None,
         use_auth_token: Optional[Any] = None) -> tuple[CLIP, RuCLIPProcessor]:
    """`name`: one of MODELS. The directory is cache_dir/NAME, or cache_dir/ruclip, which may hold any model."""
    if name not in MODELS:
        raise InvalidArgumentError(f"name: is {name!r}, expected {', '.join(MODELS)}", "name")
    config = _weights.find(f"{name} model", cache_dir, [f"{name}/config.json", "ruclip/config.json"], "/tmp/ruclip")
    clip = CLIP(config.parent, _weights.device_name(device))
    return clip, RuCLIPProcessor(str(config.parent / "bpe.model"))


def get_ruclip(name: str, cache_dir: Optional[Any] = None) -> tuple[CLIP, RuCLIPProcessor]:
    """load() under the name that early versions of the original had."""
    return load(name, cache_dir=cache_dir)


class CLIP(_weights.Module):
    def __init__(self, directory: Path, device: str = "cpu") -> None:
        self._directory = directory
        self.device = device
        self._load(device)

    def _load(self, device: str) -> None:
        self.ruclip = RuClip(self._directory, device=device)


class RuCLIPProcessor:
    eos_id = 3
    bos_id = 2
    unk_id = 1
    pad_id = 0

    def __init__(self, tokenizer_path: str, text_seq_length: int = 77) -> None:
        self.tokenizer = Tokenizer(tokenizer_path)
        self.text_seq_length = text_seq_length

    def encode_text(self, text: str) -> Ids:
        return self.tokenizer.encode_for_ruclip(text, self.text_seq_length)

    def decode_text(self, encoded: Any) -> str:
        return self.tokenizer.decode(np.asarray(encoded))


class Predictor:
    def __init__(self, clip_model: CLIP, clip_processor: Any, device: Any, templates: Optional[Sequence[str]] = None,
                 bs: int = 8, quiet: bool = False) -> None:
        self.device = _weights.device_name(device)
        self.clip_model = clip_model.to(device)
        self.clip_processor = clip_processor
        self.bs = bs
        self.quiet = quiet
        self.templates = list(templates) if templates else None

    def get_text_latents(self, class_labels: Sequence[str]) -> Floats:
        """Normalised, (labels, width): averaged over the templates."""
        labels = [label.lower().strip() for label in class_labels]
        latents: Floats = self.clip_model.ruclip.text_latents(labels, self.templates)
        return latents

    def get_image_latents(self, images: Sequence[ImageLike]) -> Floats:
        """Normalised, (images, width)."""
        latents = [self.clip_model.ruclip.image_latents(images[first: first + self.bs])
                   for first in range(0, len(images), self.bs)]
        return np.concatenate(latents) if latents else np.empty((0, self.clip_model.ruclip.width), np.float32)

    def run(self, images: Sequence[ImageLike], text_latents: Floats) -> list[int]:
        """The index of the label that fits each picture best."""
        scores = np.asarray(text_latents) @ self.get_image_latents(images).T
        return [int(label) for label in scores.argmax(axis=0)]
