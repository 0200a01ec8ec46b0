from __future__ import annotations

import ctypes
import dataclasses
from typing import Optional, Sequence, Union

import numpy as np

from . import _handle
from ._arrays import BytesLike, Floats, byte_array, data, filled, handles, texts
from ._compute import compute_options
from ._handle import Closeable, call, make
from ._image import ImageLike, owners_of
from ._library import lib
from ._run import load
from ._structs import RankedStruct
from ._tokenizer import Tokenizer
from ._vqgan import json_text
from .errors import InvalidArgumentError


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A picture of a ranking."""

    index: int
    """Into the pictures given."""
    score: float
    """Cosine of picture and prompt."""


class RuClip(Closeable):
    """ruCLIP: how well texts and pictures fit. Threads may share one."""

    def __init__(self, directory: _handle.Path, *, device: str = "auto", dtype: str = "auto", threads: int = 0) -> None:
        """`directory`: with config.json, pytorch_model.bin or model.safetensors, and bpe.model."""
        self._owner = load("ruclip", lib.ruclip_load, _handle.path("directory", directory),
                           compute_options(device, dtype, threads))

    @classmethod
    def from_bytes(cls, checkpoint: BytesLike, config: Union[str, bytes], tokenizer: Tokenizer, *,
                   name: str = "<memory>", device: str = "auto", dtype: str = "auto", threads: int = 0) -> RuClip:
        """`config`: the text of config.json. The checkpoint's bytes are not copied and must not change."""
        array = byte_array(checkpoint)
        return cls._of(load("ruclip", lib.ruclip_load_memory, data(array), array.size, _handle.text("name", name),
                            json_text("config", config), tokenizer._handle, compute_options(device, dtype, threads),
                            keep=array))

    @property
    def width(self) -> int:
        """Floats of a latent."""
        return int(lib.ruclip_width(self._handle))

    @property
    def context_length(self) -> int:
        """Ids of a text: the `length` of Tokenizer.encode_for_ruclip."""
        return int(lib.ruclip_context_length(self._handle))

    @property
    def resolution(self) -> int:
        """Pixels along one side of what the network sees."""
        return int(lib.ruclip_resolution(self._handle))

    @property
    def parameter_count(self) -> int:
        return int(lib.ruclip_parameter_count(self._handle))

    @property
    def tokenizer(self) -> Tokenizer:
        """As a model of its own, which may outlive this one."""
        return Tokenizer._of(make("tokenizer", lib.ruclip_tokenizer, self._handle))

    def scores(self, prompts: Union[str, Sequence[str]], images: Union[ImageLike, Sequence[ImageLike]]) -> Floats:
        """Cosines, shape (prompts, images)."""
        owner = self._handle
        given, pictures = texts("prompts", prompts), owners_of(images)
        values = np.empty((len(given), len(pictures)), np.float32)
        call(lib.ruclip_scores, owner, given, len(given), handles(pictures), len(pictures), data(values))
        return values

    def rank(self, prompt: str, images: Union[ImageLike, Sequence[ImageLike]], pick: Optional[int] = None) -> list[Ranked]:
        """The `pick` pictures that fit the prompt best, best first; None, or more than there are: all. Equal scores keep
        their order."""
        owner = self._handle
        pictures = owners_of(images)
        wanted = max(len(pictures), 1) if pick is None else _handle.integer("pick", pick, 1)
        values = (RankedStruct * min(wanted, len(pictures)))()
        count = ctypes.c_size_t()
        call(lib.ruclip_rank, owner, _handle.text("prompt", prompt), handles(pictures), len(pictures), wanted, values,
             len(values), ctypes.byref(count))
        return [Ranked(one.index, one.score) for one in values[: count.value]]

    def image_latents(self, images: Union[ImageLike, Sequence[ImageLike]]) -> Floats:
        """Normalised, shape (images, width)."""
        owner = self._handle
        pictures = owners_of(images)
        values = filled(np.float32, lib.ruclip_image_latents, owner, handles(pictures), len(pictures))
        return values.reshape(len(pictures), self.width)

    def text_latents(self, prompts: Union[str, Sequence[str]], templates: Optional[Sequence[str]] = None) -> Floats:
        """Normalised, shape (prompts, width). Each prompt in every template (strings with one "{}"; None: the six default
        ones), averaged."""
        owner = self._handle
        given = texts("prompts", prompts)
        patterns = texts("templates", templates) if templates is not None else None
        if patterns is not None and len(patterns) == 0:
            raise InvalidArgumentError("templates: is empty", "templates")
        values = filled(np.float32, lib.ruclip_text_latents, owner, given, len(given), patterns,
                        0 if patterns is None else len(patterns))
        return values.reshape(len(given), self.width)
